// Arithmetic of the rasteriser for one triangle; compiles for host and device.
#pragma once
#include <cmath>

#ifndef NBF_HD
#ifdef __CUDACC__
#define NBF_HD __host__ __device__
#else
#define NBF_HD
#endif
#endif

namespace nbf {

struct ScreenPoint {
  double x, y;      // pixels
  double inverse_z; // 1 / metres
};

NBF_HD inline ScreenPoint to_screen(const float* point, double focal, double cx, double cy) {
  const double inverse_z = 1.0 / point[2];
  return {focal * point[0] * inverse_z + cx, focal * point[1] * inverse_z + cy, inverse_z};
}

// In front of the near plane, and close enough to the image for its pixel bounds to be integers.
NBF_HD inline bool drawable(const ScreenPoint& p, float z, float near) {
  const double far_away = 1e8;
  return z > near && std::fabs(p.x) < far_away && std::fabs(p.y) < far_away;
}

// Twice the signed area of (a, b, p). Doubles keep both sides of a shared edge consistent.
NBF_HD inline double edge(const ScreenPoint& a, const ScreenPoint& b, double px, double py) {
  return (b.x - a.x) * (py - a.y) - (b.y - a.y) * (px - a.x);
}

// Screen-space barycentrics of the triangle's corners.
struct Weights {
  double a, b, c;
};

// At (px, py); `inverse_area` is 1 / edge(a, b, c), of either sign. Evaluated afresh at every pixel:
// stepping along a row would be a little faster, and would open cracks where a shared edge runs
// through pixel centres.
NBF_HD inline Weights screen_weights(
    const ScreenPoint& a, const ScreenPoint& b, const ScreenPoint& c, double inverse_area,
    double px, double py) {
  return {edge(b, c, px, py) * inverse_area, edge(c, a, px, py) * inverse_area,
          edge(a, b, px, py) * inverse_area};
}

NBF_HD inline bool inside(const Weights& w) { return w.a >= 0 && w.b >= 0 && w.c >= 0; }

// Depth at a pixel inside the triangle; `weights` become perspective-correct.
NBF_HD inline double correct_perspective(
    const ScreenPoint& a, const ScreenPoint& b, const ScreenPoint& c, Weights* weights) {
  const double pa = weights->a * a.inverse_z;
  const double pb = weights->b * b.inverse_z;
  const double pc = weights->c * c.inverse_z;
  const double z = 1.0 / (pa + pb + pc);
  *weights = {pa * z, pb * z, pc * z};
  return z;
}

}  // namespace nbf
