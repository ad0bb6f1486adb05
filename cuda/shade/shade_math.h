// Arithmetic of deferred shading for one pixel.
#pragma once
#include <cmath>
#include <cstdint>

namespace nbf {

struct Vec3 {
  float x, y, z;
};

inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator*(float s, Vec3 a) { return {s * a.x, s * a.y, s * a.z}; }
inline Vec3 operator*(Vec3 a, Vec3 b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
inline float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(Vec3 a, Vec3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline Vec3 load(const float* p) { return {p[0], p[1], p[2]}; }
inline void store(Vec3 a, float* p) { p[0] = a.x, p[1] = a.y, p[2] = a.z; }

// Zero stays zero.
inline Vec3 unit(Vec3 a) {
  const float square = dot(a, a);
  return square > 0 ? (1.f / std::sqrt(square)) * a : a;
}

inline Vec3 interpolate(const float* values, const int32_t* face, const float* weights) {
  return weights[0] * load(values + 3 * face[0]) + weights[1] * load(values + 3 * face[1]) +
         weights[2] * load(values + 3 * face[2]);
}

// (t / 255)^2 for every t that a texture may hold.
struct LinearTexels {
  float value[256];

  LinearTexels() {
    for (int t = 0; t < 256; ++t) {
      const float share = float(t) * (1.f / 255);
      value[t] = share * share;
    }
  }

  Vec3 operator()(const uint8_t* t) const { return {value[t[0]], value[t[1]], value[t[2]]}; }
};

// Without the call that std::floor is on a plain x86-64; |x| must fit an int.
inline int floor_to_int(float x) {
  const int truncated = int(x);
  return truncated - (float(truncated) > x);
}

inline float fraction(float x) {
  const float rest = x - float(floor_to_int(x));
  return rest < 1 ? rest : 0; // a tiny negative x rounds up to 1
}

// Bilinear, repeating; texel centres lie at +0.5 and row 0 is v = 1.
inline Vec3 sample(
    const LinearTexels& linear, const uint8_t* texture, int rows, int columns, float u, float v) {
  const float x = fraction(u) * columns - 0.5f; // -0.5 ... columns - 0.5
  const float y = (1 - fraction(v)) * rows - 0.5f;
  const int x0 = floor_to_int(x), y0 = floor_to_int(y);
  const float fx = x - x0, fy = y - y0;
  const int left = x0 < 0 ? columns - 1 : x0, right = x0 + 1 < columns ? x0 + 1 : 0;
  const int above_row = y0 < 0 ? rows - 1 : y0, below_row = y0 + 1 < rows ? y0 + 1 : 0;
  const uint8_t* top = texture + size_t(3) * columns * above_row;
  const uint8_t* bottom = texture + size_t(3) * columns * below_row;
  const Vec3 above = (1 - fx) * linear(top + 3 * left) + fx * linear(top + 3 * right);
  const Vec3 below = (1 - fx) * linear(bottom + 3 * left) + fx * linear(bottom + 3 * right);
  return (1 - fy) * above + fy * below;
}

struct Shadow {
  const float* depth; // null: no shadows
  int size;
  const float* view;
  float bias;
};

// 1 where the map's texel holds nothing nearer to the light; outside the map all is lit.
inline float lit_texel(const Shadow& shadow, int row, int column, float z) {
  if (row < 0 || column < 0 || row >= shadow.size || column >= shadow.size) return 1;
  return z <= shadow.depth[size_t(row) * shadow.size + column] + shadow.bias ? 1.f : 0.f;
}

// Share of the first light that reaches p: the four nearest comparisons, blended.
inline float lit_share(const Shadow& shadow, Vec3 p) {
  if (!shadow.depth) return 1;
  const float* m = shadow.view;
  const float z = dot(load(m + 8), p) + m[11];
  const float scale = m[12] / z, middle = 0.5f * shadow.size;
  const float x = scale * (dot(load(m), p) + m[3]) + middle - 0.5f;
  const float y = scale * (dot(load(m + 4), p) + m[7]) + middle - 0.5f;
  if (!(std::fabs(x) < 1e6f && std::fabs(y) < 1e6f)) return 1;
  const int x0 = floor_to_int(x), y0 = floor_to_int(y);
  const float fx = x - x0, fy = y - y0;
  const float above =
      (1 - fx) * lit_texel(shadow, y0, x0, z) + fx * lit_texel(shadow, y0, x0 + 1, z);
  const float below =
      (1 - fx) * lit_texel(shadow, y0 + 1, x0, z) + fx * lit_texel(shadow, y0 + 1, x0 + 1, z);
  return (1 - fy) * above + fy * below;
}

// x^24, the width of a highlight on skin or cloth.
inline float highlight(float x) {
  const float x2 = x * x, x4 = x2 * x2, x8 = x4 * x4;
  return x8 * x8 * x8;
}

}  // namespace nbf
