// Scrubs through the steps that a view carries; all views of the page stand at the same step.
const all = (name) => [...element.querySelectorAll(name)];
const one = (name) => element.querySelector(name);
const cache = new Map();
let at = 0;
let timer = 0;

function list(node, name, sign) {
  const text = node.dataset[name];
  if (!cache.has(text)) cache.set(text, text.split(sign));
  return cache.get(text);
}

function heat(i) {
  const words = one("[data-heat]");
  if (!words) return;
  const data = list(words, "heat", " ")[0];
  if (!cache.has(words)) cache.set(words, Uint8Array.from(atob(data), (c) => c.charCodeAt(0)));
  const values = cache.get(words);
  const layers = Number(words.dataset.layers);
  const tokens = Number(words.dataset.tokens);
  const layer = Number(one("[data-layer]").value);
  const cells = values.length / (Number(one(".ti-view").dataset.n) * layers * tokens);
  const chosen = layer ? [layer - 1] : [...Array(layers).keys()];
  const mean = (token, cell) => chosen.reduce((sum, l) =>
    sum + values[(((i - 1) * layers + l) * tokens + token) * cells + cell], 0) / chosen.length / 255;
  for (const map of all("[data-token]")) {
    const shares = [...Array(cells).keys()].map((cell) => mean(Number(map.dataset.token), cell));
    const [low, high] = [Math.min(...shares), Math.max(...shares)];
    const shine = (share) => high - low < 0.005 ? 0.35 : 0.8 * (share - low) / (high - low);
    [...map.children].forEach((rect, cell) => rect.setAttribute("fill-opacity", shine(shares[cell]).toFixed(3)));
    const share = shares.reduce((a, b) => a + b, 0) / cells;
    const percent = (value) => Math.round(100 * value);
    one(`[data-share="${map.dataset.token}"]`).textContent = `${percent(share)} % (${percent(low)}–${percent(high)})`;
  }
  const said = one(".ti-layer output");
  said.textContent = layer ? `${layer} / ${layers}` : said.dataset.all;
}

function show(i) {
  const view = one(".ti-view");
  if (!view) return;
  const n = Number(view.dataset.n);
  at = Math.min(Math.max(1, i), n);
  for (const image of all("[data-frames]")) {
    image.src = list(image, "frames", " ")[at - 1];
    image.alt = image.dataset.alt.replace("{i}", at);
  }
  for (const node of all("[data-texts]")) node.textContent = list(node, "texts", "|")[at - 1];
  for (const dot of all("[data-at]")) {
    const [x, y] = list(dot, "at", " ")[at - 1].split(",");
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
  }
  for (const item of all(".ti-strip li")) item.classList.toggle("ti-chosen", Number(item.dataset.i) === at);
  const slider = one("[data-step]");
  slider.value = at;
  one("[data-of]").textContent = `${at} / ${n}`;
  heat(at);
}

function tell(i) {
  show(i);
  document.dispatchEvent(new CustomEvent("genlab-step", { detail: { at, from: element } }));
}

function play() {
  clearInterval(timer);
  const n = Number(one(".ti-view").dataset.n);
  let i = 0;
  timer = setInterval(() => {
    if (!element.isConnected || !one(".ti-view") || i >= n) return clearInterval(timer);
    tell(++i);
  }, Math.max(60, 2400 / n));
}

element.addEventListener("input", (event) => {
  clearInterval(timer);
  if (event.target.matches("[data-step]")) tell(Number(event.target.value));
  if (event.target.matches("[data-layer]")) heat(at);
});
element.addEventListener("click", (event) => {
  if (event.target.closest("[data-play]")) play();
  const item = event.target.closest("[data-i]");
  if (item) tell(Number(item.dataset.i));
});
document.addEventListener("genlab-step", (event) => {
  if (event.detail.from !== element && element.isConnected) show(event.detail.at);
});
function fresh() {
  clearInterval(timer);
  cache.clear();
  show(Number(one(".ti-view")?.dataset.n || 0));
}
watch("value", () => requestAnimationFrame(fresh));
fresh();
