// Many answers to one drawing, and the code of the one in hand: a pad over the two numbers that matter most to this
// drawing, a slider for each number, and pictures whose manner is taken over.
// To it: JSON by `_vary.board`. From it: `input` while the hand moves the code, never two at once; `select` a picture to
// take the manner of; `upload` the visitor's own. In the browser `window.genlabCode` has z(), key(), file().
const REACH = 2.5;     // of each number, either way
const pad = element.querySelector(".tr-pad");
const dot = pad.querySelector("i");
const sliders = element.querySelector(".tr-sliders");
const answers = element.querySelector(".tr-answers");
const manners = element.querySelector(".tr-manners");
let state = null;
let z = [];
let key = "";
let file = "";
const { changed: ask, answered, wanted } = quick(() => trigger("input"));

function place() {
  const [x, y] = state.axes.map((axis) => z[axis]);
  dot.style.left = `${50 + 50 * Math.min(REACH, Math.max(-REACH, x)) / REACH}%`;
  dot.style.top = `${50 - 50 * Math.min(REACH, Math.max(-REACH, y)) / REACH}%`;
  pad.setAttribute("aria-valuetext", state.axes.map((axis) => `z${axis + 1} = ${z[axis].toFixed(1)}`).join(", "));
  [...sliders.querySelectorAll("input")].forEach((range, i) => { range.value = z[i]; });
}

function changed() {
  place();
  ask();
}

function put(event) {
  const box = pad.getBoundingClientRect();
  const at = (value, extent) => REACH * (2 * Math.min(1, Math.max(0, value / extent)) - 1);
  z[state.axes[0]] = at(event.clientX - box.left, box.width);
  z[state.axes[1]] = -at(event.clientY - box.top, box.height);
  changed();
}

pad.addEventListener("pointerdown", (event) => {
  if (!state || event.button) return;
  event.preventDefault();
  pad.focus({ preventScroll: true });
  pad.setPointerCapture(event.pointerId);
  put(event);
});
pad.addEventListener("pointermove", (event) => { if (pad.hasPointerCapture(event.pointerId)) put(event); });
pad.addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  if (!state || !moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  state.axes.forEach((axis, i) => { z[axis] = Math.min(REACH, Math.max(-REACH, z[axis] + 0.25 * moves[event.key][i])); });
  changed();
});

function button(uri, name, pressed, work) {
  const made = Object.assign(document.createElement("button"), { type: "button", title: name });
  made.setAttribute("aria-label", name);
  if (pressed !== null) made.setAttribute("aria-pressed", String(pressed));
  made.append(Object.assign(new Image(), { src: uri, alt: "" }));
  made.addEventListener("click", work);
  return made;
}

function lay() {
  answers.replaceChildren(...state.answers.map((one, i) => button(one.uri, one.name, null, () => {
    z = [...one.z];
    changed();
  })));
  manners.replaceChildren(...state.manners.map((one) => button(one.uri, one.name, null, () => {
    key = one.key;
    trigger("select");
  })));
  if (sliders.children.length !== z.length) {
    sliders.replaceChildren(...z.map((_, i) => {
      const row = document.createElement("label");
      const range = Object.assign(document.createElement("input"), { type: "range", min: -REACH, max: REACH, step: 0.1 });
      range.addEventListener("input", () => { z[i] = Number(range.value); changed(); });
      row.append(document.createElement("span"), range, document.createElement("b"));
      return row;
    }));
  }
  const most = Math.max(...state.effects, 1e-9);
  [...sliders.children].forEach((row, i) => {
    row.querySelector("span").textContent = `z${i + 1}`;
    row.querySelector("b").style.setProperty("--part", state.effects[i] / most);
    row.title = state.says.effect;
  });
}

function show() {
  if (!props.value) return;
  state = JSON.parse(props.value);
  if (!wanted()) z = [...state.z];
  const image = element.querySelector(".tr-one img");
  image.src = state.picture;
  image.alt = state.says.alt;
  for (const [name, words] of Object.entries(state.says)) {
    const place = element.querySelector(`[data-says="${name}"]`);
    if (place) place.textContent = words;
  }
  pad.setAttribute("aria-label", state.says.pad);
  element.querySelector("[data-axis='0']").textContent = `z${state.axes[0] + 1} →`;
  element.querySelector("[data-axis='1']").textContent = `↑ z${state.axes[1] + 1}`;
  element.dataset.filled = "1";
  lay();
  place();
  answered();
}

const accept = picker(element.querySelector(".tr-manner"), { side: 512 }, ([data]) => { file = data; trigger("upload"); });
droppable(element.querySelector(".tr-manner"), accept);
window.genlabCode = {
  z: () => (z.length ? z.map((one) => +one.toFixed(2)).join(",") : ""),
  key: () => key,
  file: () => { const data = file; file = ""; return data; },
};
watch("value", show);
show();
