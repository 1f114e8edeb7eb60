// What is drawn over the picture: the training cameras, the one pointed at, and the marker of the chosen pixel.
let pointed = -1; // which training camera

// A point of the world in the unit square, or null behind the camera.
function projected(point) {
  const { eye, right, up, back } = orbit(memory.camera);
  const away = point.map((x, i) => x - eye[i]);
  const [x, y, z] = [right, up, back].map((axis) => axis.reduce((sum, a, i) => sum + a * away[i], 0));
  return z > -0.05 ? null : [0.5 + PAGE.focal * x / -z, 0.5 - PAGE.focal * y / -z];
}

// A training camera's centre and the corners of its picture, 0.4 before it.
function frustum(pose) {
  const [wide, high] = memory.shown.spread;
  return [[0, 0, 0], [-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]].map(([x, y, z]) =>
    pose.map(([a, b, c, d]) => d + 0.4 * (a * x * wide + b * y * high - c * z)));
}

function overlay() {
  const pixels = Math.round(stage.clientWidth * devicePixelRatio);
  if (over.width !== pixels) over.width = over.height = pixels;
  const pen = over.getContext("2d");
  const color = (name) => getComputedStyle(stage).getPropertyValue(name) || "#888888";
  pen.setTransform(pixels, 0, 0, pixels, 0, 0);
  pen.clearRect(0, 0, 1, 1);
  const unit = 1 / Math.max(1, stage.clientWidth);
  if (memory.cameras && memory.shown) memory.shown.poses.forEach((pose, i) => {
    const [eye, ...corners] = frustum(pose).map(projected);
    if (!eye || corners.includes(null)) return;
    pen.beginPath();
    corners.forEach((corner, at) => { pen.moveTo(...eye); pen.lineTo(...corner); pen.lineTo(...corners[(at + 1) % 4]); });
    pen.setLineDash(memory.shown.held_out[i] ? [3 * unit, 3 * unit] : []);
    pen.strokeStyle = color(memory.shown.held_out[i] ? "--gl-unknown" : "--gl-known");
    pen.lineWidth = (i === pointed ? 2.5 : 1) * unit;
    pen.stroke();
  });
  const mark = memory.mark && projected(memory.mark);
  if (!mark || memory.image) return;
  pen.setLineDash([]);
  for (const [style, width] of [["white", 4], [color("--gl-unknown"), 2]]) {
    pen.beginPath();
    pen.arc(...mark, 7 * unit, 0, 2 * Math.PI);
    pen.strokeStyle = style;
    pen.lineWidth = width * unit;
    pen.stroke();
  }
}

function nearest([u, v]) {
  if (!memory.cameras || !memory.shown) return -1;
  const gaps = memory.shown.poses.map((pose) => projected(pose.map((row) => row[3])))
    .map((at) => at ? Math.hypot(at[0] - u, at[1] - v) : Infinity);
  const best = gaps.indexOf(Math.min(...gaps));
  return gaps[best] * stage.clientWidth < 14 ? best : -1;
}

// The hand points there: the small picture of the camera under it, if any.
function point(at) {
  const before = pointed;
  pointed = nearest(at);
  if (pointed === before) return;
  thumb.hidden = pointed < 0;
  if (pointed >= 0) {
    const { sheet, columns, held_out: held } = memory.shown;
    const [picture, words] = thumb.children;
    picture.style.background = `url(${sheet}) -${96 * (pointed % columns)}px -${96 * Math.floor(pointed / columns)}px / ${96 * columns}px auto`;
    words.textContent = says(held[pointed] ? "held_out" : "train", { view: pointed });
    thumb.style.left = at[0] < 0.5 ? "auto" : "8px";
    thumb.style.right = at[0] < 0.5 ? "8px" : "auto";
    thumb.style.top = "8px";
  }
  overlay();
}
