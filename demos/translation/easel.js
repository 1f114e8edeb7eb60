// The easel: a canvas to draw on, an outline's pen or a facade's labels, and beside it what the server paints of it.
// To it: the component's value, JSON by `_try.board`, another one in each answer. From it: `input` while the hand draws,
// never two at once, and the last state always follows; `release` when the hand rests and all is answered; `upload` a
// picture that becomes an outline. In the browser `window.genlabTranslation` has drawing(kind) and file().
const GRID = 64;
const SMOOTH = 7; // squares of the grid
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const canvas = element.querySelector("canvas");
const pen = canvas.getContext("2d");
const SCALE = canvas.width / GRID;
const tools = element.querySelector(".tr-tools");
const thumbs = element.querySelector(".tr-thumbs");
const picture = element.querySelector(".tr-painted img");
const mine = {};      // the drawing of each kind, as text
const undone = { outline: [], facade: [] }; // what `undo` goes back to
let state = null;
let tool = "p";       // of outlines: pen or eraser; of facades: box or brush
let label = 1;        // the facades' class in hand
let points = null;    // of the stroke under way
let cursor = [32, 32];
const { changed: ask, answered, rested, wanted } = quick(() => trigger("input"), () => trigger("release"));
let file = "";

const kind = () => state.kind;
const item = (at) => {
  const ends = tool === "b" ? [at[0], at[at.length - 1]] : at;
  return tool + (kind() === "facade" ? DIGITS[label] : "") + ends.flat().map((v) => DIGITS[v]).join("");
};
const shown = () => [mine[kind()], points ? item(points) : ""].filter(Boolean).join(";");

function inked(digits) {
  const small = Object.assign(document.createElement("canvas"), { width: GRID, height: GRID });
  const image = new ImageData(GRID, GRID);
  for (let i = 0; i < GRID * GRID; i++) {
    const level = (DIGITS.indexOf(digits[Math.floor(i / 3)]) >> (4 - 2 * (i % 3))) & 3;
    image.data.set([...Array(3).fill(255 - 85 * level), 255], 4 * i);
  }
  small.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
}

function stroke(numbers, width, color) {
  pen.strokeStyle = pen.fillStyle = color;
  pen.lineWidth = width * SCALE;
  pen.lineCap = pen.lineJoin = "round";
  const at = [];
  for (let i = 0; i < numbers.length; i += 2) at.push([(numbers[i] + 0.5) * SCALE, (numbers[i + 1] + 0.5) * SCALE]);
  const near = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) < SMOOTH * SCALE;
  pen.beginPath();
  pen.moveTo(...at[0]);
  for (let i = 1; i < at.length - 1; i++) { // the hand's short steps become a curve; corners stay corners
    if (near(at[i - 1], at[i]) && near(at[i], at[i + 1])) {
      pen.quadraticCurveTo(...at[i], (at[i][0] + at[i + 1][0]) / 2, (at[i][1] + at[i + 1][1]) / 2);
    } else pen.lineTo(...at[i]);
  }
  pen.lineTo(at[at.length - 1][0] + 0.01, at[at.length - 1][1]);
  pen.stroke();
}

function put(part) {
  const numbers = [...part.slice(1)].map((digit) => DIGITS.indexOf(digit));
  if (part[0] === "i") inked(part.slice(1));
  else if (part[0] === "p") stroke(numbers, state.widths.p, "#000000");
  else if (part[0] === "e") stroke(numbers, state.widths.e, "#ffffff");
  else {
    const color = state.palette[numbers.shift()].color;
    if (part[0] === "s") { stroke(numbers, state.widths.s, color); return; }
    const [left, right] = [numbers[0], numbers[2]].sort((a, b) => a - b);
    const [top, bottom] = [numbers[1], numbers[3]].sort((a, b) => a - b);
    pen.fillStyle = color;
    pen.fillRect(left * SCALE, top * SCALE, (right - left + 1) * SCALE, (bottom - top + 1) * SCALE);
  }
}

function draw() {
  pen.fillStyle = kind() === "facade" ? state.palette[0].color : "#ffffff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  shown().split(";").filter(Boolean).forEach(put);
  if (document.activeElement === canvas && canvas.dataset.keys) {
    const [x, y] = cursor.map((v) => (v + 0.5) * SCALE);
    for (const [color, width] of [["#ffffff", 5], ["#4f46e5", 2]]) {
      pen.strokeStyle = color;
      pen.lineWidth = width;
      pen.beginPath();
      pen.arc(x, y, points ? 5 : 11, 0, 7);
      pen.stroke();
    }
  }
}

function changed() {
  draw();
  ask();
}

function keep(text) {
  undone[kind()].push(mine[kind()]);
  mine[kind()] = text;
  points = null;
  changed();
  rested();
  speak();
}

function down(at) {
  cursor = at;
  points = [at];
  changed();
}

function move(at) {
  cursor = at;
  const last = points[points.length - 1];
  if (last[0] === at[0] && last[1] === at[1]) return;
  if (shown().length < state.longest - 8) points.push(at);
  changed();
}

function up() {
  if (points) keep(shown());
}

function at(event) {
  const box = canvas.getBoundingClientRect();
  const place = (value, extent) => Math.min(GRID - 1, Math.max(0, Math.floor(value / extent * GRID)));
  return [place(event.clientX - box.left, box.width), place(event.clientY - box.top, box.height)];
}

canvas.addEventListener("pointerdown", (event) => {
  if (!state || event.button) return;
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  delete canvas.dataset.keys;
  canvas.setPointerCapture(event.pointerId);
  down(at(event));
});
canvas.addEventListener("pointermove", (event) => {
  if (!points || canvas.dataset.keys) return;
  for (const one of event.getCoalescedEvents?.() || [event]) move(at(one));
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { if (!canvas.dataset.keys) up(); });
canvas.addEventListener("keydown", (event) => {
  if (!state || event.altKey) return;
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if ((event.ctrlKey || event.metaKey) && event.key === "z") undo();
  else if (event.ctrlKey || event.metaKey) return;
  else if (moves[event.key]) {
    const next = cursor.map((v, axis) => Math.min(GRID - 1, Math.max(0, v + 2 * moves[event.key][axis])));
    if (points) move(next);
    else cursor = next;
  } else if (event.key === " ") {
    if (points) up();
    else down(cursor);
  } else return;
  canvas.dataset.keys = "1";
  event.preventDefault();
  event.stopPropagation();
  draw();
});
canvas.addEventListener("blur", () => { if (canvas.dataset.keys) up(); if (state) draw(); });

function undo() {
  if (!undone[kind()].length) return;
  mine[kind()] = undone[kind()].pop();
  points = null;
  changed();
  rested();
  speak();
}

function button(words, pressed, work) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: words });
  if (pressed !== null) made.setAttribute("aria-pressed", String(pressed));
  made.addEventListener("click", work);
  return made;
}

function speak() {
  const focused = [...tools.children].indexOf(document.activeElement);
  const pick = (name) => button(state.says[name], tool === name, () => { tool = name; speak(); });
  const parts = kind() === "facade" ? [pick("b"), pick("s")] : [pick("p"), pick("e")];
  const back = button(state.says.undo, null, undo);
  back.disabled = !undone[kind()].length;
  const clear = button(state.says.clear, null, () => { if (mine[kind()]) keep(""); });
  clear.disabled = !mine[kind()];
  parts.push(back, clear);
  if (kind() === "facade") {
    parts.push(...state.palette.map((one, i) => {
      const made = button(one.name, label === i, () => { label = i; speak(); });
      made.className = "tr-label";
      made.style.setProperty("--color", one.color);
      return made;
    }));
  }
  tools.replaceChildren(...parts);
  tools.children[focused]?.focus();
}

function list() {
  thumbs.replaceChildren(...state.examples.map(({ name, text, uri }) => {
    const made = button("", mine[kind()] === text, () => { if (mine[kind()] !== text) keep(text); list(); });
    made.title = name;
    made.setAttribute("aria-label", name);
    made.append(Object.assign(new Image(), { src: uri, alt: "" }));
    return made;
  }));
}

function show() {
  if (!props.value) return;
  const found = JSON.parse(props.value);
  const turned = !state || state.kind !== found.kind;
  state = found;
  if (turned) {
    tool = kind() === "facade" ? "b" : "p";
    points = null;
  }
  if (mine[kind()] === undefined || (!points && !wanted())) {
    if (mine[kind()] !== undefined && mine[kind()] !== found.drawing) undone[kind()].push(mine[kind()]);
    mine[kind()] = found.drawing;
  }
  canvas.setAttribute("aria-label", found.alts.canvas);
  picture.src = found.picture;
  picture.alt = found.alts.picture;
  element.querySelector(".tr-drawn figcaption").textContent = found.says.drawn;
  element.querySelector(".tr-painted figcaption").textContent = found.says.painted;
  element.querySelector(".tr-own").hidden = kind() === "facade";
  element.dataset.filled = kind();
  speak();
  list();
  draw();
  answered();
}

const accept = picker(element.querySelector(".tr-own"), { side: 1024 }, ([data]) => { file = data; trigger("upload"); });
droppable(canvas, accept);
window.genlabTranslation = Object.assign(window.genlabTranslation || {}, {
  drawing: (of, otherwise) => (!state || of !== kind() ? (mine[of] ?? otherwise) : shown()),
  file: () => { const data = file; file = ""; return data; },
});
watch("value", show);
show();
