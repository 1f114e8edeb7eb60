// Search the gallery while typing, accents ignored, names and tags of the page's language; a click fills the prompt.
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const parts = (text) => plain(text).split(/[^\p{L}\p{N}]+/u);
const language = () => (document.documentElement.lang.startsWith("pt") ? "pt" : "en");
const field = () => element.querySelector("input[type=search]");

function name(button) {
  return button.querySelector(`[data-lang="${language()}"]`).textContent;
}

function search() {
  const lang = language();
  const wanted = parts(field().value).filter(Boolean);
  let count = 0;
  element.querySelectorAll("section").forEach((section) => {
    let here = 0;
    section.querySelectorAll("button").forEach((button) => {
      const words = parts(`${name(button)} ${button.dataset[lang]}`);
      const fits = wanted.every((part) => words.some((word) => word.startsWith(part)));
      button.hidden = !fits;
      here += fits;
    });
    section.hidden = !here;
    count += here;
  });
  element.querySelector("output").textContent = count;
  element.querySelector(".ti-none").hidden = count > 0;
}

function label() {
  const input = field();
  if (!input) return;
  const said = input.getAttribute(`data-label-${language()}`);
  input.placeholder = said;
  input.setAttribute("aria-label", said);
  search();
}

element.addEventListener("input", (event) => { if (event.target === field()) search(); });
element.addEventListener("click", (event) => {
  const button = event.target.closest("section button");
  const box = document.querySelector("#ti-prompt textarea, #ti-prompt input");
  if (!button || !box) return;
  box.value = name(button);
  box.dispatchEvent(new Event("input", { bubbles: true }));
  document.querySelector("#ti-picture")?.scrollIntoView({ block: "nearest" });
});
new MutationObserver(label).observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
label();
