// Pictures to choose from, and the visitor's own. Value: JSON by `_gallery.value`. Events: `select` a picture, `upload`
// the visitor's. In the browser `window.genlabGallery.NAME` has key() and file().
const shelf = element.querySelector(".tr-shelf");
let state = null;
let key = "";
let file = "";

function show() {
  if (!props.value) return;
  const focused = [...shelf.children].indexOf(document.activeElement);
  state = JSON.parse(props.value);
  shelf.replaceChildren(...state.items.map((one) => {
    const made = Object.assign(document.createElement("button"), { type: "button", title: one.name });
    made.setAttribute("aria-label", one.name);
    made.setAttribute("aria-pressed", String(one.key === state.chosen));
    made.append(Object.assign(new Image(), { src: one.uri, alt: "" }));
    made.addEventListener("click", () => { key = one.key; trigger("select"); });
    return made;
  }));
  shelf.children[focused]?.focus();
}

const own = element.querySelector(".tr-own");
const accept = picker(own, { side: 512, many: MANY }, (data) => { file = MANY ? JSON.stringify(data) : data[0]; trigger("upload"); });
droppable(element, accept);
window.genlabGallery = Object.assign(window.genlabGallery || {}, {
  NAME: { key: () => key, file: () => { const data = file; file = ""; return data; } },
});
watch("value", show);
show();
