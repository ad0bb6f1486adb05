// CPU rasteriser: one pass over the triangles, the z-buffer in `depth`. See raster.h.
#include "raster.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "raster_math.h"

namespace {

using nbf::ScreenPoint;

struct Bounds {
  int x0, x1, y0, y1; // inclusive pixel indices; empty when x0 > x1 or y0 > y1
};

// Without the calls that std::floor and std::ceil are on a plain x86-64.
int floor_to_int(double x) {
  const int truncated = int(x);
  return truncated - (truncated > x);
}

// Pixels whose centres lie in [low, high].
void pixel_range(double low, double high, int size, int* first, int* last) {
  *first = std::max(0, -floor_to_int(0.5 - low));
  *last = std::min(size - 1, floor_to_int(high - 0.5));
}

Bounds bounds(const ScreenPoint& a, const ScreenPoint& b, const ScreenPoint& c, int h, int w) {
  Bounds box;
  pixel_range(std::min({a.x, b.x, c.x}), std::max({a.x, b.x, c.x}), w, &box.x0, &box.x1);
  pixel_range(std::min({a.y, b.y, c.y}), std::max({a.y, b.y, c.y}), h, &box.y0, &box.y1);
  return box;
}

struct Target {
  int height, width;
  int32_t* face_ids;
  float* barycentric;
  float* depth;
};

// Faces come in rising order, so `<` leaves a tie with the smaller id.
void store_if_nearer(
    const ScreenPoint& a, const ScreenPoint& b, const ScreenPoint& c, nbf::Weights weights,
    int32_t face, size_t pixel, const Target& out) {
  const float z = float(nbf::correct_perspective(a, b, c, &weights));
  if (!(z < out.depth[pixel])) return;
  out.depth[pixel] = z;
  out.face_ids[pixel] = face;
  float* target = out.barycentric + 3 * pixel;
  target[0] = float(weights.a), target[1] = float(weights.b), target[2] = float(weights.c);
}

void draw(
    const ScreenPoint& a, const ScreenPoint& b, const ScreenPoint& c, double inverse_area,
    int32_t face, const Target& out) {
  const Bounds box = bounds(a, b, c, out.height, out.width);
  for (int y = box.y0; y <= box.y1; ++y) {
    for (int x = box.x0; x <= box.x1; ++x) {
      const auto weights = nbf::screen_weights(a, b, c, inverse_area, x + 0.5, y + 0.5);
      if (!nbf::inside(weights)) continue;
      store_if_nearer(a, b, c, weights, face, size_t(y) * out.width + x, out);
    }
  }
}

}  // namespace

extern "C" void nbf_rasterize(
    const float* vertices, int64_t vertex_count, const int32_t* faces, int64_t face_count,
    float focal, float center_x, float center_y, int32_t height, int32_t width, float near,
    int32_t cull, int32_t* face_ids, float* barycentric, float* depth) {
  const size_t pixels = size_t(height) * width;
  std::fill_n(face_ids, pixels, -1);
  std::fill_n(barycentric, 3 * pixels, 0.f);
  std::fill_n(depth, pixels, std::numeric_limits<float>::infinity());

  std::vector<ScreenPoint> screen(vertex_count);
  std::vector<char> visible(vertex_count);
  for (int64_t v = 0; v < vertex_count; ++v) {
    screen[v] = nbf::to_screen(vertices + 3 * v, focal, center_x, center_y);
    visible[v] = nbf::drawable(screen[v], vertices[3 * v + 2], near);
  }
  const Target target{height, width, face_ids, barycentric, depth};
  for (int64_t f = 0; f < face_count; ++f) {
    const int32_t a = faces[3 * f], b = faces[3 * f + 1], c = faces[3 * f + 2];
    if (!(visible[a] && visible[b] && visible[c])) continue;
    const double area = nbf::edge(screen[a], screen[b], screen[c].x, screen[c].y);
    // The image's y runs down: faces turned to the camera have a negative area.
    if (area == 0 || (cull && area > 0)) continue;
    draw(screen[a], screen[b], screen[c], 1.0 / area, int32_t(f), target);
  }
}
