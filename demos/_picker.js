// A visitor's pictures, from files, dropped, pasted, or by the camera, as base64 of the bytes. They are handed over by
// picker(host, {many, side}, take): `take` gets a list; a picture larger than `side` is made smaller here first.
const LIMIT = 20e6;
const WORDS = {
  en: { file: "Choose a file", files: "Choose files", camera: "Camera", snap: "Take the picture", close: "Close",
    large: "The file is too large: the limit is 20 MB.", none: "No camera answered. Was it allowed?" },
  pt: { file: "Escolher arquivo", files: "Escolher arquivos", camera: "Câmera", snap: "Tirar a foto", close: "Fechar",
    large: "O arquivo é grande demais: o limite é de 20 MB.", none: "Nenhuma câmera respondeu. Ela foi autorizada?" },
};
const words = () => WORDS[document.documentElement.lang.startsWith("pt") ? "pt" : "en"];

const base64 = (blob) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result.split(",")[1] || "");
  reader.onerror = reject;
  reader.readAsDataURL(blob);
});

function drawn(source, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage(source, 0, 0, width, height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

async function smaller(file, side) {
  let picture;
  try { picture = await createImageBitmap(file); } catch { return file; } // the server says what is wrong with it
  const factor = side / Math.max(picture.width, picture.height);
  if (factor >= 1) return file;
  return drawn(picture, Math.max(1, Math.round(factor * picture.width)), Math.max(1, Math.round(factor * picture.height)));
}

function picker(host, { many = false, side = 0 }, take) {
  host.classList.add("gl-picker");
  host.innerHTML = `<input type="file" accept="image/png,image/jpeg,image/webp,image/gif" ${many ? "multiple" : ""} hidden>
    <button type="button" data-word="${many ? "files" : "file"}"></button>
    <button type="button" data-word="camera"></button>
    <div class="gl-camera" hidden><video muted playsinline></video>
      <button type="button" data-word="snap"></button><button type="button" data-word="close"></button></div>`;
  const input = host.querySelector("input");
  const booth = host.querySelector(".gl-camera");
  const video = host.querySelector("video");
  const press = (word, work) => host.querySelector(`[data-word="${word}"]`).addEventListener("click", work);
  const speak = () => host.querySelectorAll("[data-word]").forEach((one) => { one.textContent = words()[one.dataset.word]; });
  speak();
  new MutationObserver(speak).observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });

  async function accept(files) {
    const kept = [...files].slice(0, many ? 12 : 1);
    if (kept.some((file) => file.size > LIMIT)) { window.genlab.toast(words().large); return; }
    const data = [];
    for (const file of kept) data.push(await base64(side ? await smaller(file, side) : file));
    if (data.length) take(data);
  }

  function close() {
    video.srcObject?.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    booth.hidden = true;
  }

  input.addEventListener("change", () => { accept(input.files).then(() => { input.value = ""; }); });
  press(many ? "files" : "file", () => input.click());
  press("camera", async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      booth.hidden = false;
      await video.play();
    } catch { close(); window.genlab.toast(words().none); }
  });
  press("snap", async () => {
    if (!video.videoWidth) return;
    accept([await drawn(video, video.videoWidth, video.videoHeight)]);
    if (!many) close();
  });
  press("close", close);
  host.addEventListener("paste", (event) => { if (event.clipboardData.files.length) accept(event.clipboardData.files); });
  return accept;
}

function droppable(area, accept) {
  area.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("gl-over"); });
  for (const end of ["dragleave", "drop"]) area.addEventListener(end, () => area.classList.remove("gl-over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) accept(event.dataTransfer.files);
  });
}
