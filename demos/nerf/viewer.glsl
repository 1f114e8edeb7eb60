#version 300 es
// The march of genmodels/nerf/march.py, one pixel each. Lengths in voxels from the first vertex kept, but t, which is in
// scene units. Textures hold x in depth, y in rows and z in columns, as the volume's bytes come: hence .zyx.
precision highp float;
precision highp sampler3D;
precision highp usampler3D;
uniform sampler3D density, red, green, blue;
uniform usampler3D gaps;
uniform vec3 eye, boxLow, boxHigh, keptHigh;
uniform float voxel, stride, most, opaque, faint;
uniform vec2 raw;         // raw density = raw.x * texel + raw.y
uniform mat4 harmonics;   // column m: the constant and the slopes of harmonic m
uniform mat3x4 unit;      // what texel 1 stands for, of each colour's four coefficients
uniform mat4x3 base;      // the colour that texels 0 stand for: its constant and its slopes
uniform vec2 range;       // distances shown white and black
uniform int mode;         // 0 colour, 1 depth, 2 normals, 3 the share of `sight` that the distance is, in three bytes
uniform float sight;
in vec3 toward;           // the ray's direction in the world, not yet of length 1
out vec4 shown;

vec2 span(vec3 o, vec3 slope, vec3 low, vec3 high) {
  vec3 a = (low - o) * slope, b = (high - o) * slope;
  vec3 near = min(a, b), far = max(a, b);
  return vec2(max(max(near.x, near.y), max(near.z, 0.0)), min(far.x, min(far.y, far.z)));
}

float dense(vec3 p, vec3 texel) {
  return texture(density, (p.zyx + 0.5) * texel).r;
}

vec3 normal(vec3 p, vec3 texel) {
  vec3 slope;
  for (int axis = 0; axis < 3; axis++) {
    vec3 one = vec3(equal(ivec3(axis), ivec3(0, 1, 2)));
    slope[axis] = dense(p - one, texel) - dense(p + one, texel);
  }
  return slope / max(length(slope), 1e-6);
}

void main() {
  vec3 dir = normalize(toward);
  vec3 d = dir / voxel;
  d = mix(d, vec3(1e-6), lessThan(abs(d), vec3(1e-6)));
  vec3 slope = 1.0 / d;
  vec2 whole = span(eye, slope, boxLow, boxHigh), kept = span(eye, slope, vec3(0), keptHigh);
  shown = vec4(0);
  if (kept.x >= kept.y || whole.x >= whole.y) return;
  // Samples stand where they would if the march began at the whole box: half a stride after its wall, then every stride.
  float k = max(0.0, ceil((kept.x - whole.x) / stride - 0.5));
  float last = (min(kept.y, whole.y) - whole.x) / stride - 0.5;
  float begin = whole.x + 0.5 * stride;
  vec3 texel = 1.0 / (keptHigh.zyx + 1.0), edge = keptHigh - 1.0;
  vec4 basis = vec4(1.0, dir) * harmonics;
  mat3x4 shade = mat3x4(unit[0] * basis, unit[1] * basis, unit[2] * basis);
  vec3 zero = base * vec4(1.0, dir);
  vec3 ahead = max(sign(d), 0.0);
  float left = 1.0, depth = 0.0;
  vec3 total = vec3(0);
  while (k < last) {
    float t = begin + k * stride;
    vec3 p = eye + t * d;
    vec3 cell = clamp(floor(p), vec3(0), edge);
    float away = float(texelFetch(gaps, ivec3(cell.zyx), 0).r);
    if (away > 0.0) {  // the cube of cells around this one, `away` - 1 to each side, is empty: step out of it
      vec3 wall = (cell + ahead + (2.0 * ahead - 1.0) * (away - 1.0) - p) * slope;
      k += max(1.0, ceil(min(wall.x, min(wall.y, wall.z)) / stride));
      continue;
    }
    vec3 place = (p.zyx + 0.5) * texel;
    float alpha = 1.0 - exp(-exp(min(raw.x * texture(density, place).r + raw.y, most)) * stride);
    float weight = left * alpha;
    if (mode == 0 && weight > faint) {
      vec3 color = vec3(dot(texture(red, place), shade[0]), dot(texture(green, place), shade[1]),
                        dot(texture(blue, place), shade[2]));
      total += weight * max(zero + color, 0.0);
    }
    depth += weight * t;
    left -= weight;
    if (left < opaque) break;
    k += 1.0;
  }
  float opacity = 1.0 - left;
  depth /= max(opacity, 1e-4);
  if (mode == 1) total = vec3(opacity * clamp((range.y - depth) / (range.y - range.x), 0.0, 1.0));
  if (mode == 2) total = opacity * (0.5 + 0.5 * normal(eye + depth * d, texel));
  shown = vec4(total, opacity);
  if (mode == 3) {
    float far = opacity > 0.5 ? clamp(depth / sight, 0.0, 0.999999) : 0.0;
    shown = vec4(floor(fract(far * vec3(1.0, 256.0, 65536.0)) * 256.0) / 255.0, 1.0);
  }
}
