// Where the picture comes from: example photographs, the visitor's own, and a square frame on the whole of it.
// Value: JSON by `_source.value`. Events: `select` a photograph (photo()), `upload` a file (file()). What the moving
// frame, crop(), changes goes through the board.
const thumbs = element.querySelector(".mk-thumbs");
const whole = element.querySelector(".mk-whole");
const image = whole.querySelector("img");
const frame = whole.querySelector(".mk-frame");
const range = element.querySelector(".mk-zoom");
let state = null;
let crop = [0.5, 0.5, 1];
let name = "";
let file = "";
let held = null;

// The frame's side and the room it leaves across and along, all as parts of the picture's longer side.
function shape() {
  const [w, h] = [state.width, state.height].map((one) => one / Math.max(state.width, state.height));
  const side = crop[2] * Math.min(w, h);
  return { w, h, side, room: [w - side, h - side] };
}

function lay() {
  const { w, h, side, room } = shape();
  Object.assign(frame.style, { left: `${100 * crop[0] * room[0] / w}%`, top: `${100 * crop[1] * room[1] / h}%`,
    width: `${100 * side / w}%`, height: `${100 * side / h}%` });
  range.value = Math.round(100 * crop[2]);
}

function moved() {
  lay();
  window.genlabMasking.changed();
}

function centre(x, y) {
  const { side, room } = shape();
  const put = (value, free) => (free > 1e-6 ? Math.min(1, Math.max(0, (value - side / 2) / free)) : 0.5);
  crop[0] = put(x, room[0]);
  crop[1] = put(y, room[1]);
}

function middle() {
  const { side, room } = shape();
  return [crop[0] * room[0] + side / 2, crop[1] * room[1] + side / 2];
}

function at(event) {
  const box = image.getBoundingClientRect();
  const { w, h } = shape();
  return [(event.clientX - box.left) / box.width * w, (event.clientY - box.top) / box.height * h];
}

function zoom(part) {
  const [x, y] = middle();
  crop[2] = Math.min(1, Math.max(0.1, part));
  centre(x, y);
}

whole.addEventListener("pointerdown", (event) => {
  if (!state || event.button) return;
  event.preventDefault();
  frame.focus({ preventScroll: true });
  whole.setPointerCapture(event.pointerId);
  const [now, from] = [at(event), middle()];
  const half = shape().side / 2;
  const inside = Math.abs(now[0] - from[0]) <= half && Math.abs(now[1] - from[1]) <= half;
  held = inside ? [now[0] - from[0], now[1] - from[1]] : [0, 0];
  if (!inside) { centre(...now); moved(); }
});
whole.addEventListener("pointermove", (event) => {
  if (!held) return;
  const now = at(event);
  centre(now[0] - held[0], now[1] - held[1]);
  moved();
});
for (const end of ["pointerup", "pointercancel"]) {
  whole.addEventListener(end, () => { if (held) { held = null; window.genlabMasking.rested(); } });
}
frame.addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const zooms = { "+": 1.1, "=": 1.1, "-": 1 / 1.1 };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (moves[event.key]) {
    const [x, y] = middle();
    centre(x + 0.03 * moves[event.key][0], y + 0.03 * moves[event.key][1]);
  } else if (zooms[event.key]) zoom(crop[2] * zooms[event.key]);
  else return;
  event.preventDefault();
  event.stopPropagation();
  moved();
  window.genlabMasking.rested();
});
range.addEventListener("input", () => { if (state) { zoom(range.value / 100); moved(); } });
range.addEventListener("change", () => window.genlabMasking.rested());

function list() {
  thumbs.replaceChildren(...state.examples.map(({ key, label, uri }) => {
    const button = Object.assign(document.createElement("button"), { type: "button", title: label });
    button.setAttribute("aria-label", label);
    button.setAttribute("aria-pressed", String(key === state.photo));
    button.append(Object.assign(new Image(), { src: uri, alt: "" }));
    button.addEventListener("click", () => { name = key; trigger("select"); });
    return button;
  }));
}

function show() {
  if (!props.value) return;
  const focused = [...thumbs.children].indexOf(document.activeElement);
  state = JSON.parse(props.value);
  list();
  thumbs.children[focused]?.focus();
  if (!held) crop = state.crop.split(",").map(Number);
  whole.style.aspectRatio = `${state.width} / ${state.height}`;
  whole.style.width = `min(100%, ${Math.round(200 * state.width / state.height)}px)`;
  image.src = state.uri;
  image.alt = state.alt;
  frame.setAttribute("aria-label", state.frame);
  element.querySelector(".mk-zoomed").textContent = state.zoom;
  element.querySelector(".mk-hint").textContent = state.hint;
  whole.hidden = false;
  lay();
}

const accept = picker(element.querySelector(".mk-own"), {}, ([data]) => { file = data; trigger("upload"); });
droppable(element, accept);
window.genlabMasking = Object.assign(window.genlabMasking || {}, {
  crop: () => crop.map((one) => +one.toFixed(3)).join(","),
  photo: () => name,
  file: () => { const data = file; file = ""; return data; },
});
watch("value", show);
show();
