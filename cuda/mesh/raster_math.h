// Arithmetic of the rasteriser for one triangle at one pixel; compiles for host and device.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

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

struct Triangle {
  ScreenPoint a, b, c;
  double area; // twice, signed: the image's y runs down, so faces turned to the camera are negative
};

// False where there is nothing to draw.
NBF_HD inline bool connect(
    const ScreenPoint& a, const ScreenPoint& b, const ScreenPoint& c, bool cull, Triangle* out) {
  const double area = edge(a, b, c.x, c.y);
  *out = {a, b, c, area};
  return cull ? area < 0 : area != 0;
}

// Pixels of a box, both ends included; empty when x0 > x1 or y0 > y1.
struct PixelBox {
  int x0, x1, y0, y1;
};

NBF_HD inline int64_t pixel_count(const PixelBox& box) {
  return box.x0 > box.x1 || box.y0 > box.y1
             ? 0
             : int64_t(box.x1 - box.x0 + 1) * (box.y1 - box.y0 + 1);
}

// Without the calls that std::floor and std::ceil are on a plain x86-64.
NBF_HD inline int floor_to_int(double x) {
  const int truncated = int(x);
  return truncated - (truncated > x);
}

NBF_HD inline double least(double a, double b, double c) {
  const double ab = b < a ? b : a;
  return c < ab ? c : ab;
}

NBF_HD inline double most(double a, double b, double c) {
  const double ab = a < b ? b : a;
  return ab < c ? c : ab;
}

// Pixels first..last whose centres lie in [low, high].
NBF_HD inline void pixel_range(double low, double high, int* first, int* last) {
  const int begin = -floor_to_int(0.5 - low), end = floor_to_int(high - 0.5);
  *first = begin < *first ? *first : begin;
  *last = end < *last ? end : *last;
}

// Pixels of `image` whose centres may lie within `margin` of triangle (a, b, c).
NBF_HD inline PixelBox box_of(
    const ScreenPoint& a, const ScreenPoint& b, const ScreenPoint& c, double margin,
    PixelBox image) {
  const double left = least(a.x, b.x, c.x), right = most(a.x, b.x, c.x);
  const double top = least(a.y, b.y, c.y), bottom = most(a.y, b.y, c.y);
  pixel_range(left - margin, right + margin, &image.x0, &image.x1);
  pixel_range(top - margin, bottom + margin, &image.y0, &image.y1);
  return image;
}

NBF_HD inline PixelBox box_of(const Triangle& t, double margin, const PixelBox& image) {
  return box_of(t.a, t.b, t.c, margin, image);
}

// Weights of the triangle's corners.
struct Weights {
  double a, b, c;
};

// Screen-space barycentrics at (px, py); `inverse_area` is 1 / area. Evaluated afresh at every pixel:
// stepping along a row would be a little faster, and would open cracks where a shared edge runs
// through pixel centres.
NBF_HD inline Weights screen_weights(
    const Triangle& t, double inverse_area, double px, double py) {
  return {edge(t.b, t.c, px, py) * inverse_area, edge(t.c, t.a, px, py) * inverse_area,
          edge(t.a, t.b, px, py) * inverse_area};
}

NBF_HD inline bool inside(const Weights& w) { return w.a >= 0 && w.b >= 0 && w.c >= 0; }

// Depth at a pixel inside the triangle; `weights` become perspective-correct.
NBF_HD inline double correct_perspective(const Triangle& t, Weights* weights) {
  const double pa = weights->a * t.a.inverse_z;
  const double pb = weights->b * t.b.inverse_z;
  const double pc = weights->c * t.c.inverse_z;
  const double z = 1.0 / (pa + pb + pc);
  *weights = {pa * z, pb * z, pc * z};
  return z;
}

// Orders hits by depth, then by face: positive floats order as their bits do.
NBF_HD inline uint64_t depth_key(float z, int32_t face) {
  uint32_t bits;
  std::memcpy(&bits, &z, sizeof bits);
  return uint64_t(bits) << 32 | uint32_t(face);
}

struct Vector {
  double x, y, z;
};

NBF_HD inline Vector add_cross(Vector sum, double scale, const float* p, const float* q) {
  const double px = p[0], py = p[1], pz = p[2], qx = q[0], qy = q[1], qz = q[2];
  return {sum.x + scale * (py * qz - pz * qy), sum.y + scale * (pz * qx - px * qz),
          sum.z + scale * (px * qy - py * qx)};
}

// What pulls the face's plane at one pixel: corner k gets barycentric_k times this gradient.
//
// With the corners as columns of M and the pixel's ray r (r_z = 1), M b = z r and sum b = 1 hold
// whatever the corners do. Differentiated and solved for db and dz, a loss with gradients g in b and
// g_z in z has dL/dv_k = b_k w, w = M^-T ((b.g + z g_z) 1 - g).
NBF_HD inline Vector plane_pull(
    const float* a, const float* b, const float* c, const Weights& weights, double z,
    const float* g, double g_z) {
  const double even = weights.a * g[0] + weights.b * g[1] + weights.c * g[2] + z * g_z;
  Vector normal{0, 0, 0}, sum{0, 0, 0};
  normal = add_cross(add_cross(add_cross(normal, 1, b, c), 1, c, a), 1, a, b);
  const double volume = normal.x * a[0] + normal.y * a[1] + normal.z * a[2];
  sum = add_cross(sum, (even - g[0]) / volume, b, c);
  sum = add_cross(sum, (even - g[1]) / volume, c, a);
  return add_cross(sum, (even - g[2]) / volume, a, b);
}

// Optical depth at which a pixel is full: its opacity is 1 to float32's last bit.
constexpr double kFull = 20;

// A triangle's three sides, for distances: side k runs from corner k to corner k + 1.
struct Outline {
  double x[3], y[3], dx[3], dy[3], inverse_square[3];
  double turn; // +1 or -1, as the area
};

NBF_HD inline Outline outline(const Triangle& t) {
  const ScreenPoint* corner[3] = {&t.a, &t.b, &t.c};
  Outline out;
  for (int k = 0; k < 3; ++k) {
    const ScreenPoint &from = *corner[k], &to = *corner[(k + 1) % 3];
    out.x[k] = from.x, out.y[k] = from.y;
    out.dx[k] = to.x - from.x, out.dy[k] = to.y - from.y;
    out.inverse_square[k] = 1.0 / (out.dx[k] * out.dx[k] + out.dy[k] * out.dy[k]);
  }
  out.turn = t.area < 0 ? -1 : 1;
  return out;
}

// From a pixel to the nearest point of one side.
struct SideOffset {
  double ex, ey; // from the point to the pixel
  double along;  // 0 at the side's start, 1 at its end
  double cross;  // not negative on the triangle's side of it
};

NBF_HD inline SideOffset side_offset(const Outline& o, int k, double px, double py) {
  const double rx = px - o.x[k], ry = py - o.y[k];
  const double foot = (rx * o.dx[k] + ry * o.dy[k]) * o.inverse_square[k];
  const double capped = foot < 1 ? foot : 1, along = capped > 0 ? capped : 0;
  return {rx - along * o.dx[k], ry - along * o.dy[k], along,
          o.turn * (o.dx[k] * ry - o.dy[k] * rx)};
}

NBF_HD inline double square_of(const SideOffset& side) {
  return side.ex * side.ex + side.ey * side.ey;
}

// Between a pixel and an outline.
struct Gap {
  double square; // of the distance, pixels^2
  bool inside;   // the triangle holds the pixel
};

NBF_HD inline Gap gap(const Outline& o, double px, double py) {
  const SideOffset a = side_offset(o, 0, px, py), b = side_offset(o, 1, px, py);
  const SideOffset c = side_offset(o, 2, px, py);
  return {least(square_of(a), square_of(b), square_of(c)),
          least(a.cross, b.cross, c.cross) >= 0};
}

struct Softness {
  double inverse_sigma; // pixels^-2
  double reach;         // pixels
};

NBF_HD inline bool counts(const Gap& gap, const Softness& soft) {
  return gap.inside || gap.square <= soft.reach * soft.reach;
}

// Signed squared distance by sigma, at most kFull: a face's share of the pixel is its sigmoid.
NBF_HD inline double closeness(const Gap& gap, const Softness& soft) {
  const double scaled = gap.square * soft.inverse_sigma;
  if (!gap.inside) return -scaled;
  return scaled < kFull ? scaled : kFull;
}

// Gradients in the screen points of a face's corners.
struct ScreenGrad {
  double x[3], y[3];
};

// Adds the gradient of one pixel; `grad` is the gradient in its optical depth. The nearest point may
// move along its side without changing the distance, so only the side's ends count. Of sides that
// are equally near, the first.
NBF_HD inline void add_silhouette_grad(
    const Outline& o, double px, double py, const Gap& gap, const Softness& soft, double grad,
    ScreenGrad* sum) {
  const double share = 1 / (1 + std::exp(-closeness(gap, soft)));
  const double scale = (gap.inside ? -2 : 2) * grad * share * soft.inverse_sigma;
  for (int k = 0; k < 3; ++k) {
    const SideOffset side = side_offset(o, k, px, py);
    if (square_of(side) != gap.square) continue;
    const int next = (k + 1) % 3;
    sum->x[k] += scale * (1 - side.along) * side.ex;
    sum->y[k] += scale * (1 - side.along) * side.ey;
    sum->x[next] += scale * side.along * side.ex;
    sum->y[next] += scale * side.along * side.ey;
    return;
  }
}

// From a gradient (gx, gy) in a point's projection to the gradient in the point.
NBF_HD inline Vector to_camera_grad(
    const ScreenPoint& p, double focal, double cx, double cy, double gx, double gy) {
  const double scale = focal * p.inverse_z;
  return {scale * gx, scale * gy, -p.inverse_z * ((p.x - cx) * gx + (p.y - cy) * gy)};
}

}  // namespace nbf
