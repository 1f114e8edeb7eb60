// What the viewpoint tab does in the browser alone: sliders and viewer follow each other, and so does the plan's camera.
// `window.genlabNerf` is the viewer's; it comes once the tab is open, and so this waits for it.
window.genlabNerfTab ??= (() => {
  let wanted = null;
  const cpu = (renderer, ...values) => renderer === "cpu" ? `cpu ${JSON.stringify(values)}` : "";
  const loaded = () => document.querySelector("#nf-viewer .nv-stage")?.dataset.volume;

  // As soon as ready() holds: work(), unless something else was wanted meanwhile.
  function when(ready, work, left = 300) {
    if (ready()) work();
    else if (left) setTimeout(when, 100, ready, work, left - 1);
  }

  function plan(azimuth, elevation, distance) {
    const flat = distance * Math.cos(elevation * Math.PI / 180);
    document.querySelectorAll(".nf-you")
      .forEach((you) => you.setAttribute("transform", `rotate(${-azimuth}) translate(${flat})`));
  }

  // The controls as the viewer has to show them; what the server has to draw, or "" where the browser draws.
  function look(scene, azimuth, elevation, distance, view, renderer, cameras) {
    wanted = { place: [azimuth, elevation, distance], view, cameras };
    when(() => window.genlabNerf, apply);
    return cpu(renderer, scene, azimuth, elevation, distance, view);
  }

  function apply() {
    if (!wanted) return;
    window.genlabNerf.set(...wanted.place);
    window.genlabNerf.mode(wanted.view);
    window.genlabNerf.cameras(wanted.cameras);
    plan(...wanted.place);
    wanted = null;
  }

  // As look, and the mark on the pixel whose ray is shown, once the viewer has that scene.
  function begin(pixel, scene, ...rest) {
    const [u, v, ...camera] = JSON.parse(pixel);
    when(() => loaded() === scene && !wanted, () => {
      const now = window.genlabNerf.camera();
      window.genlabNerf.set(...camera);
      window.genlabNerf.mark(u, v);
      window.genlabNerf.set(...now);
    });
    return look(scene, ...rest);
  }

  // The hand moved the camera: its place for the sliders, and what the server has to draw.
  function moved(scene, view, renderer) {
    const place = window.genlabNerf.camera();
    plan(...place);
    return [...place, cpu(renderer, scene, ...place, view)];
  }

  // The viewer is there; without WebGL2 the server draws. (Gradio says so too, when it has laid the viewer out.)
  function ready(scene, azimuth, elevation, distance, view, renderer) {
    const who = window.genlabNerf?.webgl === false ? "cpu" : renderer;
    return [who, cpu(who, scene, azimuth, elevation, distance, view)];
  }

  const clicked = () => JSON.stringify(window.genlabNerf.pixel());

  // Where the plan is laid out anew, its camera goes where the viewer's is.
  const planned = () => when(() => window.genlabNerf, () => plan(...window.genlabNerf.camera()));

  return { look, begin, moved, ready, clicked, planned };
})();
