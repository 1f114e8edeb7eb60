// A pad to draw on with mouse, finger or pen. Its value is what the network sees: 28x28 grey pixels in base64,
// centred by MNIST's own recipe (ink in 20x20, centre of mass in the middle).
const canvas = element.querySelector("canvas");
const pen = canvas.getContext("2d", { willReadFrequently: true });
const SIDE = canvas.width;
let last = null;
let mine = null;
let due = 0;

function clear() {
  pen.fillStyle = "black";
  pen.fillRect(0, 0, SIDE, SIDE);
}

function at(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) * SIDE / box.width, (event.clientY - box.top) * SIDE / box.height];
}

function stroke(from, to) {
  pen.strokeStyle = "white";
  pen.lineWidth = SIDE / 13;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(to[0] + 0.01, to[1]);
  pen.stroke();
}

function scaled(source, x, y, w, h, width, height) {
  const small = Object.assign(document.createElement("canvas"), { width, height });
  const brush = small.getContext("2d");
  brush.imageSmoothingQuality = "high";
  brush.drawImage(source, x, y, w, h, 0, 0, width, height);
  const data = brush.getImageData(0, 0, width, height).data;
  return Float32Array.from({ length: width * height }, (_, i) => data[4 * i]);
}

function centred() {
  const data = pen.getImageData(0, 0, SIDE, SIDE).data;
  let [left, top, right, bottom] = [SIDE, SIDE, -1, -1];
  for (let y = 0; y < SIDE; y++) for (let x = 0; x < SIDE; x++) {
    if (data[4 * (y * SIDE + x)] > 20) {
      left = Math.min(left, x); right = Math.max(right, x);
      top = Math.min(top, y); bottom = Math.max(bottom, y);
    }
  }
  const out = new Uint8Array(784);
  if (right < 0) return out;
  const [w, h] = [right - left + 1, bottom - top + 1];
  const factor = 20 / Math.max(w, h);
  const [width, height] = [Math.max(1, Math.round(w * factor)), Math.max(1, Math.round(h * factor))];
  const ink = scaled(canvas, left, top, w, h, width, height);
  let [mass, mx, my] = [0, 0, 0];
  ink.forEach((value, i) => { mass += value; mx += value * (i % width); my += value * Math.floor(i / width); });
  const dx = Math.min(Math.max(Math.round(13.5 - mx / mass), 0), 28 - width);
  const dy = Math.min(Math.max(Math.round(13.5 - my / mass), 0), 28 - height);
  ink.forEach((value, i) => { out[(dy + Math.floor(i / width)) * 28 + dx + i % width] = value; });
  return out;
}

function send() {
  clearTimeout(due);
  due = 0;
  mine = btoa(String.fromCharCode(...centred()));
  props.value = mine;
  trigger("change");
}

function show(code) {
  if (!code || code === mine) return;
  mine = code;
  const bytes = Uint8Array.from(atob(code), (c) => c.charCodeAt(0));
  const small = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
  const image = new ImageData(28, 28);
  bytes.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
  small.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, SIDE, SIDE);
  pen.imageSmoothingEnabled = true;
  canvas.dataset.shown = "1";
}

canvas.addEventListener("pointerdown", (event) => {
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  if (canvas.dataset.shown) { clear(); delete canvas.dataset.shown; }
  last = at(event);
  stroke(last, last);
});
canvas.addEventListener("pointermove", (event) => {
  if (!last) return;
  const next = at(event);
  stroke(last, next);
  last = next;
  due ||= setTimeout(send, 120);
});
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, () => { if (last) { last = null; send(); } });
}
element.querySelector(".pad-clear").addEventListener("click", () => { clear(); delete canvas.dataset.shown; send(); });
document.addEventListener("genlab-draw", (event) => {
  show(event.detail);
  props.value = mine;
  trigger("change");
});
watch("value", () => show(props.value));
clear();
show(props.value);
