// Press a block of the drawing, by mouse or keyboard, to read its panel and see its result; light what is running.
let chosen = null;
let shown = "";

const root = () => element.closest(".ti-arch");
const all = (selector) => [...(root()?.querySelectorAll(selector) ?? [])];

function choose(id) {
  chosen = id;
  all("g[data-block]").forEach((block) => block.setAttribute("aria-pressed", String(block.dataset.block === id)));
  all("[data-panel]").forEach((panel) => { panel.hidden = panel.dataset.panel !== id; });
  all("[data-result]").forEach((result) => { result.hidden = result.dataset.result !== id; });
  all(".ti-press").forEach((hint) => { hint.hidden = Boolean(root().querySelector(`[data-result="${id}"]`)); });
}

// The prompt is split into two short lines; everything else comes as pictures.
function sync() {
  const drawn = root()?.querySelector(".ti-drawn");
  const results = root()?.querySelector(".ti-results");
  if (!drawn) return;
  const { active = "", done = "", show = "" } = results?.dataset ?? {};
  all("g[data-block]").forEach((block) => {
    block.classList.toggle("ti-lit", active.split(" ").includes(block.dataset.block));
    block.classList.toggle("ti-done", done.split(" ").includes(block.dataset.block));
  });
  all("image[data-thumb]").forEach((thumb) => {
    const made = results?.querySelector(`[data-result="${thumb.dataset.thumb}"] img[data-main]`);
    if (made) thumb.setAttribute("href", made.src);
    else thumb.removeAttribute("href");
  });
  const prompt = results?.querySelector("[data-words]")?.dataset.words ?? "";
  all('g[data-block="prompt"]').forEach((block) => {
    const lines = [...block.querySelectorAll(".ti-ask")];
    const parts = prompt.match(/\S.{0,16}(?=\s|$)|\S{1,17}/gu) ?? [];
    lines.forEach((line, i) => {
      const words = (parts[i] ?? "") + (i === 1 && parts.length > 2 ? "…" : "");
      if (line.textContent !== words) line.textContent = words; // else the observer would call this for ever
    });
  });
  if (show && show !== shown) choose(show);
  else choose(drawn.querySelector(`[data-panel="${chosen}"]`) ? chosen : drawn.dataset.first);
  shown = show;
}

element.addEventListener("click", (event) => {
  const block = event.target.closest("g[data-block]");
  if (block) choose(block.dataset.block);
});
element.addEventListener("keydown", (event) => {
  const block = event.target.closest("g[data-block]");
  if (!block || (event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  choose(block.dataset.block);
});

function start() {
  if (!root()) { setTimeout(start, 50); return; }
  new MutationObserver(sync).observe(root(), { childList: true, subtree: true });
  sync();
}
start();
