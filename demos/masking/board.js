// The board: one canvas whose patches the hand hides and shows, and the pictures that the server makes of it.
// To it: the component's value, JSON by `_rebuild.board`, another one in each answer. From it: `input` while the hand
// changes the mask or the frame, never two at once, and the last state always follows; `release` when the hand rests and
// all is answered; `select` when a patch is asked about. In the browser `window.genlabMasking` has
//   hidden(): the mask by hand as text, "" where the sliders made it; mask(): any mask; patch(): the patch asked about
//   changed(), rested(): another part of the tab changed what is to be rebuilt, and is done with it
const SIDE = 512;
const canvas = element.querySelector("canvas");
const pen = canvas.getContext("2d");
const said = element.querySelector(".mk-live");
const photo = new Image();
let state = null;
let hidden = [];
let mine = null;     // the mask as the hand last made it, until the sliders make another
let painting = null; // what the hand is putting on patches: true hides, false shows
let last = null;
let cursor = -1;
let asked = -1;
const { changed, answered, rested } = quick(() => trigger("input"), () => trigger("release"));

const bits = (hex, count) => [...BigInt(`0x${hex}`).toString(2).padStart(count, "0")].map((bit) => bit === "1");
const hex = () => BigInt(`0b${hidden.map(Number).join("")}`).toString(16).padStart(Math.ceil(hidden.length / 4), "0");
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);

function draw() {
  if (!state) return;
  const patch = SIDE / state.side;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(photo, 0, 0, SIDE, SIDE);
  hidden.forEach((is, i) => {
    const [x, y] = [(i % state.side) * patch, Math.floor(i / state.side) * patch];
    if (is) {
      pen.fillStyle = "#808080";
      pen.fillRect(x, y, patch, patch);
    }
    pen.strokeStyle = is ? "#9a9a9a" : "#ffffff55";
    pen.lineWidth = 1;
    pen.strokeRect(x + 0.5, y + 0.5, patch - 1, patch - 1);
  });
  if (cursor >= 0 && document.activeElement === canvas) {
    const [x, y] = [(cursor % state.side) * patch, Math.floor(cursor / state.side) * patch];
    for (const [color, width] of [["#ffffff", 7], ["#4f46e5", 3]]) {
      pen.strokeStyle = color;
      pen.lineWidth = width;
      pen.strokeRect(x + 3, y + 3, patch - 6, patch - 6);
    }
  }
}

function put(i, hide) {
  if (i < 0 || hidden[i] === hide) return;
  hidden[i] = hide;
  mine = hex();
  draw();
  changed();
}

function at(event) {
  const box = canvas.getBoundingClientRect();
  const place = (value, extent) => Math.min(state.side - 1, Math.max(0, Math.floor(value / extent * state.side)));
  return [place(event.clientX - box.left, box.width), place(event.clientY - box.top, box.height)];
}

// Every patch on the way, so that a fast hand leaves no gaps.
function along(from, to) {
  const steps = Math.max(1, Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
  for (let i = 0; i <= steps; i++) {
    const [x, y] = [0, 1].map((axis) => Math.round(from[axis] + (to[axis] - from[axis]) * i / steps));
    put(y * state.side + x, painting);
  }
}

function tell() {
  const where = { row: Math.floor(cursor / state.side) + 1, column: (cursor % state.side) + 1 };
  said.textContent = fill(state.says.at, { ...where, what: state.says[hidden[cursor] ? "hidden" : "visible"] });
}

function look(i) {
  asked = i;
  const mark = element.querySelector(".mk-asked");
  mark.hidden = false;
  const patch = 100 / state.side;
  Object.assign(mark.style, { left: `${(i % state.side) * patch}%`, top: `${Math.floor(i / state.side) * patch}%`,
    width: `${patch}%`, height: `${patch}%` });
  trigger("select");
}

canvas.addEventListener("pointerdown", (event) => {
  if (!state || event.button) return;
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  last = at(event);
  cursor = last[1] * state.side + last[0];
  painting = !hidden[cursor];
  along(last, last);
});
canvas.addEventListener("pointermove", (event) => {
  if (painting === null) return;
  const next = at(event);
  along(last, next);
  last = next;
});
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, () => {
    if (painting === null) return;
    painting = null;
    rested();
  });
}
canvas.addEventListener("keydown", (event) => {
  if (!state || event.ctrlKey || event.metaKey || event.altKey) return;
  const side = state.side;
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (cursor < 0) cursor = 0;
  if (moves[event.key]) {
    const [x, y] = [cursor % side + moves[event.key][0], Math.floor(cursor / side) + moves[event.key][1]];
    if (x >= 0 && x < side && y >= 0 && y < side) cursor = y * side + x;
  } else if (event.key === " ") {
    put(cursor, !hidden[cursor]);
    rested();
  } else if (event.key === "Enter") {
    look(cursor);
  } else return;
  event.preventDefault();
  event.stopPropagation();
  draw();
  tell();
});
for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, () => { if (cursor < 0) cursor = 0; draw(); });

element.querySelector(".mk-clickable").addEventListener("click", (event) => {
  if (!state) return;
  const box = event.currentTarget.getBoundingClientRect();
  const place = (value, extent) => Math.min(state.side - 1, Math.max(0, Math.floor(value / extent * state.side)));
  look(place(event.clientY - box.top, box.height) * state.side + place(event.clientX - box.left, box.width));
});

function show() {
  if (!props.value) return;
  const found = JSON.parse(props.value);
  const same = state && state.side === found.side;
  state = found;
  if (!same) {
    cursor = asked = -1;
    element.querySelector(".mk-asked").hidden = true;
  }
  if (painting === null && !(same && found.by_hand && mine !== null)) {
    hidden = bits(found.hidden, found.side ** 2);
    mine = found.by_hand ? found.hidden : null;
  }
  for (const [name, source] of Object.entries(found.pictures)) {
    const image = element.querySelector(`img[data-panel="${name}"]`);
    image.src = source;
    image.alt = found.alts[name];
  }
  for (const [name, label] of Object.entries(found.labels)) {
    element.querySelector(`figcaption[data-panel="${name}"]`).textContent = label;
  }
  canvas.setAttribute("aria-label", found.alts.masked);
  element.querySelector(".mk-clickable").title = found.says.ask;
  element.dataset.filled = "1";
  photo.onload = draw;
  photo.src = found.pictures.original;
  draw();
  answered();
}

window.genlabMasking = Object.assign(window.genlabMasking || {}, {
  hidden: () => (state && mine !== null ? `${state.seed}-${hex()}` : ""),
  mask: () => (state ? hex() : ""),
  changed,
  rested,
  patch: () => String(asked),
});
watch("value", show);
show();
