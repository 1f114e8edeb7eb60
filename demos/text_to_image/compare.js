// The comparisons in the browser alone: the divided frame of A and B, and the walk's animation.
const one = (name) => element.querySelector(name);
const FRAME = 120; // milliseconds
let at = 0;
let timer = 0;

function divide(share) {
  const frame = one(".ti-wipe");
  frame.style.setProperty("--at", `${share}%`);
  one("[data-wipe]").value = share;
}

function drag(event) {
  const box = one(".ti-wipe").getBoundingClientRect();
  divide(Math.min(100, Math.max(0, Math.round(100 * (event.clientX - box.left) / box.width))));
}

// The frames go there and back, so that the animation has no jump.
function show(place) {
  const image = one("[data-walk]");
  if (!image) return pause();
  const frames = image.dataset.walk.split(" ");
  const last = frames.length - 1;
  at = place % (2 * last);
  const i = at <= last ? at : 2 * last - at;
  image.src = frames[i];
  image.alt = image.dataset.alt.replace("{i}", i + 1);
  one("[data-frame]").value = i + 1;
  one("output").textContent = `${i + 1} / ${frames.length}`;
}

function pause() {
  clearInterval(timer);
  timer = 0;
  one("[data-play]")?.setAttribute("aria-pressed", "false");
}

function play() {
  pause();
  one("[data-play]").setAttribute("aria-pressed", "true");
  timer = setInterval(() => element.isConnected ? show(at + 1) : pause(), FRAME);
}

element.addEventListener("input", (event) => {
  if (event.target.matches("[data-wipe]")) divide(event.target.value);
  if (event.target.matches("[data-frame]")) { pause(); show(event.target.value - 1); }
});
element.addEventListener("click", (event) => {
  if (event.target.closest("[data-play]")) timer ? pause() : play();
});
element.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".ti-wipe")) return;
  event.preventDefault();
  drag(event);
  const stop = new AbortController();
  document.addEventListener("pointermove", drag, stop);
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => stop.abort(), stop);
});
watch("value", () => requestAnimationFrame(() => {
  pause();
  at = 0;
  if (one("[data-walk]") && !matchMedia("(prefers-reduced-motion: reduce)").matches) play();
}));
