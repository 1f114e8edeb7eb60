// The viewer: the hand moves the camera, the graphics processor draws, and the page hears of it.
const stage = element.querySelector(".nv-stage");
const canvas = stage.querySelector(".nv-view");
const over = stage.querySelector(".nv-over");
const image = stage.querySelector(".nv-image");
const thumb = stage.querySelector(".nv-thumb");
const FULL = 400; // pixels of a side while the camera moves, unless that is too slow, or more is no effort
const LEAST = 120; // however slow
const SLOW = 55; // milliseconds of a frame while the camera moves: with the page's own share, 15 frames a second
const EASY = 12; // milliseconds of a frame of FULL pixels from which on every pixel of the screen is drawn
const PATIENT = 300; // milliseconds of the picture at rest
const REST = 160; // milliseconds without a movement until the picture is drawn sharp
const TELL = 100; // milliseconds between two messages to the page
// What outlives the component when its tab is laid out again.
const memory = window.genlabNerf?.memory ?? {
  camera: [...PAGE.home], near: PAGE.home[2], view: "color", cameras: false, mark: null,
};
const march = marcher(canvas);
let [dirty, busy, moved, telling, resting] = [false, false, -Infinity, 0, 0];
let frames = []; // when those of the last second were drawn
let costs = null; // milliseconds a pixel of the last frames; the first one after a volume's upload does not count

const clamp = (x, [low, high]) => Math.min(high, Math.max(low, x));
const says = (key, values = {}) => TEXT[document.documentElement.lang.startsWith("pt") ? "pt" : "en"][key]
  .replace(/\{(\w+)\}/g, (_, name) => values[name]);
const reach = () => [PAGE.distances[0], memory.cameras ? PAGE.farthest : PAGE.distances[1]];
const beyond = () => memory.camera[2] > PAGE.distances[1];
// The camera as the page's sliders have it: they know nothing of the far distances among the training cameras.
const told = () => [Math.round(memory.camera[0]), Math.round(memory.camera[1]), Math.round(100 * memory.near) / 100];

// --- drawing

// Milliseconds a pixel takes: the median of the last few frames, or 0 when not known yet.
const cost = () => costs?.length ? costs.toSorted((a, b) => a - b)[costs.length >> 1] : 0;

function side(moving) {
  const screen = Math.round(stage.clientWidth * Math.min(devicePixelRatio, 1.5)) || FULL;
  const [least, price] = [Math.min(FULL, screen), cost()];
  if (!moving) return price && price * screen ** 2 < PATIENT ? screen : least;
  if (price * FULL ** 2 < EASY) return price ? screen : least;
  return Math.min(least, Math.max(LEAST, 20 * Math.floor(Math.sqrt(SLOW / price) / 20)));
}

async function frame() {
  dirty = false;
  const moving = performance.now() - moved < REST;
  const pixels = side(moving);
  overlay();
  if (march && !memory.image) await drawn(pixels);
  clearTimeout(resting);
  if (moving) resting = setTimeout(request, REST); // sharp then
  busy = dirty;
  if (dirty) requestAnimationFrame(frame);
}

async function drawn(pixels) {
  const began = performance.now();
  if (!march.draw(memory.camera, memory.view, pixels)) return;
  await march.finished();
  const now = performance.now();
  costs = costs ? [...costs.slice(-6), (now - began) / pixels ** 2] : [];
  frames = [...frames.filter((time) => now - time < 1000), now];
  stage.dataset.side = pixels;
}

function request() {
  dirty = true;
  if (busy || !stage.isConnected) return;
  busy = true;
  requestAnimationFrame(frame);
}

// --- the camera

function place(azimuth, elevation, distance) {
  const turned = ((azimuth + 180) % 360 + 360) % 360 - 180;
  memory.camera = [turned, clamp(elevation, PAGE.elevations), clamp(distance, reach())];
  if (!beyond()) memory.near = memory.camera[2];
  moved = performance.now();
  label();
  request();
}

function set(azimuth, elevation, distance) {
  place(azimuth, elevation, beyond() && distance === told()[2] ? memory.camera[2] : distance);
}

function tell(event) {
  if (telling && event !== "input") tell("input"); // the last one was still due
  clearTimeout(telling);
  telling = 0;
  const [azimuth, elevation, distance] = told();
  trigger(event, { azimuth, elevation, distance });
}

// The camera as the hand moves it: the page follows.
function move(azimuth, elevation, distance) {
  place(azimuth, elevation, distance);
  telling ||= setTimeout(tell, TELL, "input");
}

function label() {
  const [azimuth, elevation, distance] = told();
  stage.setAttribute("aria-label", says("label", { azimuth, elevation, distance }));
}

function note() {
  const touch = matchMedia("(pointer: coarse)").matches ? "touch" : "hint";
  element.querySelector(".nv-note").textContent =
    says(!march ? "missing" : march.gl.isContextLost() ? "lost" : touch);
  label();
}

// --- the hand

const fingers = new Map();
let [start, pinch] = [null, 0];
const where = (event) => {
  const box = stage.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};
const apart = () => {
  const [a, b] = [...fingers.values()];
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
};

function pick(at) {
  if (beyond()) return; // among the training cameras there are no rays of the page's own
  mark(...at);
  trigger("select", { u: at[0], v: at[1] });
}

// Marks what is seen at (u, v) from there.
function mark(u, v, ...camera) {
  memory.pixel = [u, v, ...(camera.length ? camera : memory.camera)];
  memory.mark = march ? march.point(memory.pixel.slice(2), u, v) : null;
  request();
}

stage.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  stage.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, where(event));
  start = { at: where(event), drag: fingers.size > 1 };
  if (fingers.size === 2) pinch = apart();
});
stage.addEventListener("pointermove", (event) => {
  const at = where(event);
  const last = fingers.get(event.pointerId);
  if (!last) return point(at);
  const [azimuth, elevation, distance] = memory.camera;
  if (!start.drag) {
    if (Math.hypot(at[0] - start.at[0], at[1] - start.at[1]) * stage.clientWidth < 4) return;
    start.drag = true;
    stage.classList.add("nv-held");
  }
  fingers.set(event.pointerId, at);
  if (fingers.size === 1) move(azimuth - 180 * (at[0] - last[0]), elevation + 180 * (at[1] - last[1]), distance);
  else if (fingers.size === 2) {
    move(azimuth, elevation, distance * pinch / Math.max(apart(), 0.01));
    pinch = apart();
  }
});
for (const end of ["pointerup", "pointercancel"]) {
  stage.addEventListener(end, (event) => {
    if (!fingers.delete(event.pointerId)) return;
    stage.classList.remove("nv-held");
    if (start.drag) tell("release");
    else if (end === "pointerup") {
      point(start.at);
      if (pointed < 0) pick(start.at);
    }
  });
}
stage.addEventListener("pointerleave", () => { if (!fingers.size) point([-9, -9]); });
stage.addEventListener("dblclick", () => { move(...PAGE.home); tell("release"); });
// The wheel scrolls the page until the visitor has clicked here.
stage.addEventListener("wheel", (event) => {
  if (document.activeElement !== stage) return;
  event.preventDefault();
  const [azimuth, elevation, distance] = memory.camera;
  const lines = event.deltaY * (event.deltaMode ? 30 : 1);
  move(azimuth, elevation, distance * Math.exp(clamp(lines, [-200, 200]) / 1000));
}, { passive: false });
const KEYS = {
  ArrowRight: [-5, 0, 1], ArrowLeft: [5, 0, 1], ArrowDown: [0, 5, 1], ArrowUp: [0, -5, 1],
  "+": [0, 0, 1 / 1.1], "=": [0, 0, 1 / 1.1], "-": [0, 0, 1.1],
};
stage.addEventListener("keydown", (event) => {
  const step = event.ctrlKey || event.metaKey || event.altKey ? null : KEYS[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation(); // the page's own arrows change the tab in presenter mode
  const [azimuth, elevation, distance] = memory.camera;
  move(azimuth + step[0], elevation + step[1], distance * step[2]);
});
stage.addEventListener("keyup", (event) => { if (KEYS[event.key]) tell("release"); });

// --- what the page says

async function show(text) {
  const said = JSON.parse(text || "{}");
  if ("cameras" in said) memory.shown = said.cameras;
  if ("image" in said) {
    memory.image = said.image;
    image.hidden = !said.image;
    if (said.image) image.src = said.image;
    canvas.style.visibility = said.image ? "hidden" : "";
  }
  if (said.volume && said.volume.data !== memory.volume?.data) {
    memory.volume = said.volume;
    memory.mark = null;
    await load();
  }
  request();
}

async function load() {
  const volume = memory.volume;
  if (!march || !volume) return;
  const bytes = await unpack(volume);
  if (volume !== memory.volume || march.gl.isContextLost()) return; // another came meanwhile
  march.upload(volume, bytes);
  costs = null;
  stage.dataset.volume = volume.name;
  request();
}

// A whole turn at this many pixels, frame by frame: {fps, ms, renderer}.
async function measure(pixels, count = 60) {
  const [azimuth, elevation, distance] = memory.camera;
  const began = performance.now();
  for (let i = 0; i < count; i++) {
    await new Promise(requestAnimationFrame);
    march.draw([azimuth + 360 * i / count, elevation, distance], memory.view, pixels);
    await march.finished();
  }
  const ms = (performance.now() - began) / count;
  request();
  return { fps: 1000 / ms, ms, renderer: march.renderer() };
}

function stats() {
  const [first, last] = [frames[0], frames.at(-1)];
  const fps = frames.length > 1 ? 1000 * (frames.length - 1) / (last - first) : 0;
  return { fps, ms: cost() * canvas.width ** 2, side: canvas.width, renderer: march?.renderer() };
}

// The picture as it would be with this many pixels a side: premultiplied RGBA, the top row first.
function read(pixels = canvas.width) {
  march.draw(memory.camera, memory.view, pixels);
  const found = march.read(pixels);
  request();
  return found;
}

function cameras(on) {
  if (on === memory.cameras) return;
  memory.cameras = on;
  const [azimuth, elevation] = memory.camera;
  place(azimuth, elevation, on ? 0.85 * PAGE.farthest : memory.near);
}

window.genlabNerf = {
  memory, measure, stats, read, cameras, mark, set, webgl: Boolean(march),
  camera: told,
  pixel: () => memory.pixel ?? [0.5, 0.5, ...memory.camera],
  mode: (name) => { if (name in VIEWS) { memory.view = name; request(); } },
};
canvas.addEventListener("webglcontextlost", (event) => { event.preventDefault(); note(); });
canvas.addEventListener("webglcontextrestored", () => { march.prepare(); load(); note(); });
const follow = new MutationObserver(() => { stage.isConnected ? (note(), request()) : follow.disconnect(); });
follow.observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
follow.observe(document.body, { attributes: true, attributeFilter: ["class"] });
new ResizeObserver(request).observe(stage);
if (!march) setTimeout(trigger, 0, "load", { webgl: false });
note();
load();
show(props.value);
watch("value", () => show(props.value));
