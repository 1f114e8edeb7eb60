// What the whole page needs in the browser: language, theme, presenter mode, links and saving what is on screen.
window.genlab = (() => {
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window */ } };
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  function language() {
    const asked = new URLSearchParams(location.search).get("lang");
    const known = [asked, recall("genlab-lang")].find((lang) => lang === "pt" || lang === "en");
    return known || ((navigator.language || "").toLowerCase().startsWith("pt") ? "pt" : "en");
  }

  // Gradio names the document's language too, at a time of its own; the Portuguese here is Brazil's.
  const root = document.documentElement;
  new MutationObserver(() => { if (root.lang === "pt") root.lang = "pt-BR"; })
    .observe(root, { attributes: true, attributeFilter: ["lang"] });

  // Gradio translates labels in its core bundle; its changeLocale re-translates them without touching any state.
  async function setLanguage(lang) {
    remember("genlab-lang", lang);
    const url = performance.getEntriesByType("resource").map((entry) => entry.name)
      .find((name) => /\/assets\/core-[^/]*\.js/.test(name));
    if (url) await (await import(url)).changeLocale(lang);
    root.lang = lang;
    return lang;
  }

  function setTheme(dark) {
    document.body.classList.toggle("dark", dark);
    remember("genlab-dark", dark ? "1" : "0");
  }
  const toggleTheme = () => setTheme(!document.body.classList.contains("dark"));

  function present(on) {
    document.body.classList.toggle("gl-present", on);
    if (on) { document.activeElement?.blur(); scrollTo(0, 0); }
  }

  const tabs = () => [...document.querySelectorAll('#topics > .tab-wrapper [role="tab"], #topics > div [role="tab"]')]
    .filter((tab) => tab.offsetParent && !tab.closest(".tabitem"));  // a topic may have tabs of its own
  function nextTab(step) {
    const all = tabs();
    const at = all.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    all[(at + step + all.length) % all.length]?.click();
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable], [role=listbox], [role=slider]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const presenting = document.body.classList.contains("gl-present");
    if (event.key === "p") present(!presenting);
    else if (presenting && event.key === "Escape") present(false);
    else if (presenting && event.key === "ArrowRight") nextTab(1);
    else if (presenting && event.key === "ArrowLeft") nextTab(-1);
  });

  async function share(query, said) {
    const url = `${location.origin}${location.pathname}?${query}`;
    history.replaceState(null, "", url);
    try {
      await navigator.clipboard.writeText(url);
    } catch {
      const box = Object.assign(document.createElement("textarea"), { value: url });
      document.body.append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
    }
    toast(said);
  }

  function toast(text) {
    const note = Object.assign(document.createElement("div"), { className: "gl-toast", textContent: text });
    note.setAttribute("role", "status");
    document.body.append(note);
    setTimeout(() => note.remove(), 3500);
  }

  const STYLES = ["color", "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "font", "font-size",
    "font-weight", "font-family", "background-color", "border", "border-radius", "padding", "margin", "display", "gap",
    "grid-template-columns", "flex", "flex-direction", "flex-wrap", "align-items", "justify-content", "width", "height",
    "box-sizing", "text-align", "text-anchor", "image-rendering", "line-height", "white-space", "opacity", "position",
    "left", "top", "overflow", "transform"];

  // A picture of what is on screen: the element with its styles written out, drawn through an SVG.
  async function picture(element, scale = 2) {
    const box = element.getBoundingClientRect();
    const copy = element.cloneNode(true);
    const originals = [element, ...element.querySelectorAll("*")];
    [copy, ...copy.querySelectorAll("*")].forEach((node, i) => {
      const style = getComputedStyle(originals[i]);
      node.setAttribute("style", STYLES.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
      if (originals[i] instanceof HTMLCanvasElement) {  // a copy of a canvas is empty
        const still = Object.assign(new Image(), { src: originals[i].toDataURL() });
        still.setAttribute("style", node.getAttribute("style"));
        node.replaceWith(still);
      }
    });
    const body = new XMLSerializer().serializeToString(copy);
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${box.width}" height="${box.height}">` +
      `<foreignObject width="100%" height="100%">${body}</foreignObject></svg>`;
    const image = new Image();
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"),
      { width: Math.ceil(box.width * scale), height: Math.ceil(box.height * scale) });
    const pen = canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(document.body).backgroundColor;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  function crc32(bytes) {
    let crc = -1;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return (crc ^ -1) >>> 0;
  }

  // PNG text chunks (tEXt) right after the header, one for each entry; settings are ASCII.
  function withText(png, entries) {
    const chunks = Object.entries(entries).map(([key, value]) => {
      const data = new TextEncoder().encode(`tEXt${key}\0${value}`);
      const chunk = new Uint8Array(data.length + 8);
      new DataView(chunk.buffer).setUint32(0, data.length - 4);
      chunk.set(data, 4);
      new DataView(chunk.buffer).setUint32(data.length + 4, crc32(data));
      return chunk;
    });
    return new Blob([png.slice(0, 33), ...chunks, png.slice(33)], { type: "image/png" });
  }

  async function save(selector, name) {
    const element = document.querySelector(selector);
    const settings = element.querySelector("[data-settings]")?.dataset.settings;
    const entries = { Software: "GenLab", ...(settings ? { parameters: settings } : {}) };
    if (element.querySelector("[data-generated]")) entries.DigitalSourceType = "trainedAlgorithmicMedia";
    const png = new Uint8Array(await (await picture(element)).arrayBuffer());
    const link = Object.assign(document.createElement("a"),
      { href: URL.createObjectURL(withText(png, entries)), download: `${name}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // Gradio adds this script when the page is already parsed, and sets the system's theme a little later.
  function start() {
    const dark = recall("genlab-dark");
    if (dark !== null) setTheme(dark === "1");
    if (new URLSearchParams(location.search).get("present") === "1") present(true);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();

  return { language, setLanguage, toggleTheme, present, share, save, toast };
})();
