// A pair of phrases to click: the first goes into the prompt, the second beside it.
function fill(selector, words) {
  const box = document.querySelector(`${selector} textarea, ${selector} input`);
  if (!box) return;
  box.value = words;
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

element.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-second]");
  if (!chip) return;
  fill("#ti-prompt", chip.dataset.first);
  fill("#ti-other", chip.dataset.second);
});
