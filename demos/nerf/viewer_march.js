// The WebGL2 side of the viewer: a volume's bytes into textures, and pictures of them by SHADER (viewer.glsl).
// One triangle over the whole picture. turn: camera to world; spread: half the picture's width at distance 1.
const CORNERS = `#version 300 es
uniform mat3 turn;
uniform float spread;
out vec3 toward;
void main() {
  vec2 at = vec2(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1);
  toward = turn * vec3(at * spread, -1);
  gl_Position = vec4(at, 0, 1);
}`;
const VIEWS = { color: 0, depth: 1, normals: 2, distance: 3 };
const SIGHT = 64; // scene units; the distance of a point is read from a picture, as a share of it
const COLUMNS = 13; // of a volume's row: raw density, then 4 coefficients each of red, green and blue

// base64 of deflated bytes -> the bytes
async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// What the textures hold: every vertex, empty ones too. Their raw density is byte 0, their colour the byte of zero.
async function unpack(volume) {
  const data = await inflate(volume.data);
  const vertices = volume.shape.reduce((a, b) => a * b);
  const rows = data.subarray(Math.ceil(vertices / 8));
  const density = new Uint8Array(vertices);
  const colors = [0, 1, 2].map((c) => {
    const empty = Uint8Array.from({ length: 4 }, (_, m) => Math.round(volume.zero[1 + 4 * c + m]));
    return new Uint8Array(new Uint32Array(vertices).fill(new Uint32Array(empty.buffer)[0]).buffer);
  });
  for (let v = 0, row = 0; v < vertices; v++) {
    if (!(data[v >> 3] & (128 >> (v & 7)))) continue;
    density[v] = rows[row];
    for (let c = 0; c < 3; c++) for (let m = 0; m < 4; m++) {
      colors[c][4 * v + m] = rows[(1 + 4 * c + m) * volume.count + row];
    }
    row++;
  }
  return { density, colors, gaps: rows.subarray(COLUMNS * volume.count) };
}

// Position and axes of a camera on its sphere around the origin, as genmodels/nerf/rays.py's `orbit`.
function orbit([azimuth, elevation, distance]) {
  const [a, e] = [azimuth * Math.PI / 180, elevation * Math.PI / 180];
  const back = [Math.cos(e) * Math.cos(a), Math.cos(e) * Math.sin(a), Math.sin(e)];
  const right = [-Math.sin(a), Math.cos(a), 0];
  const up = [-Math.sin(e) * Math.cos(a), -Math.sin(e) * Math.sin(a), Math.cos(e)];
  return { eye: back.map((x) => distance * x), right, up, back };
}

// null where there is no WebGL2.
function marcher(canvas) {
  const gl = canvas.getContext("webgl2", {
    antialias: false, depth: false, powerPreference: "high-performance", preserveDrawingBuffer: true,
  });
  if (!gl) return null;
  let uniform, program, volume = null;

  function compiled(kind, source) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    return shader;
  }

  function prepare() {
    program = gl.createProgram();
    gl.attachShader(program, compiled(gl.VERTEX_SHADER, CORNERS));
    gl.attachShader(program, compiled(gl.FRAGMENT_SHADER, SHADER));
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      const logs = gl.getAttachedShaders(program).map((shader) => gl.getShaderInfoLog(shader));
      throw new Error(`the shader does not link: ${gl.getProgramInfoLog(program)} ${logs.join(" ")}`);
    }
    gl.useProgram(program);
    uniform = (name) => gl.getUniformLocation(program, name);
    ["density", "red", "green", "blue", "gaps"].forEach((name, i) => gl.uniform1i(uniform(name), i));
    volume = null;
  }

  function texture(place, [width, height, depth], [internal, format, filter], bytes) {
    gl.activeTexture(gl.TEXTURE0 + place);
    gl.deleteTexture(gl.getParameter(gl.TEXTURE_BINDING_3D));
    gl.bindTexture(gl.TEXTURE_3D, gl.createTexture());
    for (const kind of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_3D, kind, filter);
    for (const kind of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) {
      gl.texParameteri(gl.TEXTURE_3D, kind, gl.CLAMP_TO_EDGE);
    }
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage3D(gl.TEXTURE_3D, 0, internal, width, height, depth, 0, format, gl.UNSIGNED_BYTE, bytes);
  }

  function upload(found, bytes) {
    volume = found;
    const [x, y, z] = volume.shape;
    texture(0, [z, y, x], [gl.R8, gl.RED, gl.LINEAR], bytes.density);
    bytes.colors.forEach((color, c) => texture(1 + c, [z, y, x], [gl.RGBA8, gl.RGBA, gl.LINEAR], color));
    texture(4, [z - 1, y - 1, x - 1], [gl.R8UI, gl.RED_INTEGER, gl.NEAREST], bytes.gaps);
    const { settings, unit, zero, first } = volume;
    gl.uniform3fv(uniform("boxLow"), first.map((i) => -i));
    gl.uniform3fv(uniform("boxHigh"), first.map((i) => volume.size - 1 - i));
    gl.uniform3fv(uniform("keptHigh"), volume.shape.map((n) => n - 1));
    gl.uniform1f(uniform("voxel"), volume.voxel);
    gl.uniform1f(uniform("stride"), settings.step * volume.voxel);
    for (const name of ["most", "opaque", "faint"]) gl.uniform1f(uniform(name), settings[name]);
    gl.uniform2f(uniform("raw"), 255 * unit[0], -zero[0] * unit[0]);
    gl.uniformMatrix3x4fv(uniform("unit"), false, unit.slice(1).map((u) => 255 * u));
    const base = [0, 1, 2, 3].map((slope) => [0, 1, 2].map((c) => [0, 1, 2, 3].reduce((sum, m) =>
      sum - zero[1 + 4 * c + m] * unit[1 + 4 * c + m] * volume.harmonics[m][slope], slope ? 0 : 0.5)));
    gl.uniformMatrix4x3fv(uniform("base"), false, base.flat());
    gl.uniformMatrix4fv(uniform("harmonics"), false, volume.harmonics.flat());
  }

  function aim(camera, view) {
    const { eye, right, up, back } = orbit(camera);
    gl.uniform3fv(uniform("eye"), eye.map((x, i) => (x - volume.low[i]) / volume.voxel - volume.first[i]));
    gl.uniformMatrix3fv(uniform("turn"), false, [...right, ...up, ...back]);
    gl.uniform1f(uniform("spread"), 0.5 / PAGE.focal);
    gl.uniform2f(uniform("range"), camera[2] - volume.reach, camera[2] + volume.reach);
    gl.uniform1f(uniform("sight"), SIGHT);
    gl.uniform1i(uniform("mode"), VIEWS[view]);
  }

  function draw(camera, view, side) {
    if (!volume || gl.isContextLost()) return false;
    if (canvas.width !== side) canvas.width = canvas.height = side;
    gl.viewport(0, 0, side, side);
    aim(camera, view);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    return true;
  }

  // Resolves when the graphics processor has drawn.
  function finished() {
    const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    return new Promise((done) => (function look() {
      const waits = fence && gl.clientWaitSync(fence, 0, 0) === gl.TIMEOUT_EXPIRED;
      if (waits && !gl.isContextLost()) return setTimeout(look, 1);
      gl.deleteSync(fence);
      done();
    })());
  }

  // The picture's bytes, premultiplied RGBA, the top row first.
  function read(side) {
    const [pixels, row] = [new Uint8Array(4 * side * side), 4 * side];
    gl.readPixels(0, 0, side, side, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    const upright = new Uint8Array(pixels.length);
    for (let y = 0; y < side; y++) upright.set(pixels.subarray(y * row, (y + 1) * row), (side - 1 - y) * row);
    return upright;
  }

  // The point in the world that is seen at (u, v) of the picture, or null: one pixel, drawn aside.
  function point(camera, u, v) {
    if (!volume || gl.isContextLost()) return null;
    const fine = 1024;
    const [target, frame] = [gl.createTexture(), gl.createFramebuffer()];
    gl.activeTexture(gl.TEXTURE0 + 5);
    gl.bindTexture(gl.TEXTURE_2D, target);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, 1, 1);
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, target, 0);
    const [i, j] = [u, 1 - v].map((x) => Math.min(fine - 1, Math.max(0, Math.floor(x * fine))));
    gl.viewport(-i, -j, fine, fine);
    aim(camera, "distance");
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    const bytes = new Uint8Array(4);
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.deleteFramebuffer(frame);
    gl.deleteTexture(target);
    const t = SIGHT * (bytes[0] / 256 + bytes[1] / 65536 + bytes[2] / 16777216);
    if (!t) return null;
    const { eye, right, up, back } = orbit(camera);
    const [x, y] = [(i + 0.5) / fine, (j + 0.5) / fine].map((at) => (2 * at - 1) * 0.5 / PAGE.focal);
    const length = Math.hypot(x, y, 1);
    return eye.map((o, axis) => o + t * (x * right[axis] + y * up[axis] - back[axis]) / length);
  }

  function renderer() {
    const named = gl.getExtension("WEBGL_debug_renderer_info");
    return gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  }

  prepare();
  return { gl, prepare, upload, draw, finished, read, point, renderer };
}
