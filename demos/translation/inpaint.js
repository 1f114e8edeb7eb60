// A brush over a picture: what it covers is painted anew. Value: JSON by `_diffuse.run_canvas`. Event: `input` when what
// is covered changed. In the browser `window.genlabInpaint.mask()` is the covered pixels of 64x64 as hexadecimal text,
// "" for none.
const GRID = 64;
const canvas = element.querySelector("canvas");
const pen = canvas.getContext("2d");
const SCALE = canvas.width / GRID;
const photo = new Image();
const clear = element.querySelector("button");
let state = null;
let covered = new Uint8Array(GRID * GRID);
let held = null;
let cursor = [32, 32];

function draw() {
  pen.imageSmoothingQuality = "high";
  pen.drawImage(photo, 0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#4f46e5aa";
  covered.forEach((is, i) => { if (is) pen.fillRect((i % GRID) * SCALE, Math.floor(i / GRID) * SCALE, SCALE, SCALE); });
  if (document.activeElement === canvas && canvas.dataset.keys) {
    pen.strokeStyle = "#4f46e5";
    pen.lineWidth = 3;
    pen.strokeRect((cursor[0] - 5) * SCALE, (cursor[1] - 5) * SCALE, 10 * SCALE, 10 * SCALE);
  }
}

function cover([x, y]) {
  for (let dy = -5; dy < 5; dy++) for (let dx = -5; dx < 5; dx++) {
    const [i, j] = [x + dx, y + dy];
    if (i >= 0 && j >= 0 && i < GRID && j < GRID) covered[j * GRID + i] = 1;
  }
}

function along(from, to) {
  const steps = Math.max(1, Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
  for (let i = 0; i <= steps; i++) cover([0, 1].map((a) => Math.round(from[a] + (to[a] - from[a]) * i / steps)));
  draw();
}

function at(event) {
  const box = canvas.getBoundingClientRect();
  return [Math.floor((event.clientX - box.left) / box.width * GRID), Math.floor((event.clientY - box.top) / box.height * GRID)];
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  delete canvas.dataset.keys;
  canvas.setPointerCapture(event.pointerId);
  held = at(event);
  along(held, held);
});
canvas.addEventListener("pointermove", (event) => {
  if (!held) return;
  const next = at(event);
  along(held, next);
  held = next;
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = null; trigger("input"); });
canvas.addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: [-4, 0], ArrowRight: [4, 0], ArrowUp: [0, -4], ArrowDown: [0, 4] };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (moves[event.key]) cursor = cursor.map((v, a) => Math.min(GRID - 1, Math.max(0, v + moves[event.key][a])));
  else if (event.key === " ") cover(cursor);
  else return;
  canvas.dataset.keys = "1";
  if (event.key === " ") trigger("input");
  event.preventDefault();
  event.stopPropagation();
  draw();
});
for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, draw);
clear.addEventListener("click", () => { covered = new Uint8Array(GRID * GRID); draw(); trigger("input"); });

function show() {
  if (!props.value) return;
  state = JSON.parse(props.value);
  photo.onload = draw;
  photo.src = state.picture;
  canvas.setAttribute("aria-label", state.says.canvas);
  clear.textContent = state.says.clear;
  element.querySelector("figcaption").textContent = state.says.hint;
  element.dataset.filled = "1";
}

window.genlabInpaint = {
  mask: () => (covered.some(Boolean) ? BigInt(`0b${[...covered].join("")}`).toString(16).padStart(GRID * GRID / 4, "0") : ""),
};
watch("value", show);
show();
