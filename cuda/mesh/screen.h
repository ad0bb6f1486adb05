// A batch's vertices on the screen, projected once on the processor for all that is drawn from them.
#pragma once
#include <vector>

#include "common/threads.h"
#include "raster.h"
#include "raster_math.h"

namespace nbf {

class Screen {
 public:
  explicit Screen(const NbfMesh& mesh)
      : mesh_(mesh), points_(mesh.batch * mesh.vertex_count), visible_(points_.size()) {
    parallel(mesh.batch, mesh.threads, [this](int64_t image, int64_t) { project(image); });
  }

  const int32_t* face(int64_t image, int64_t face) const {
    const int64_t set = mesh_.face_sets == 1 ? 0 : image;
    return mesh_.faces + 3 * (set * mesh_.face_count + face);
  }

  const ScreenPoint& point(int64_t image, int64_t vertex) const {
    return points_[image * mesh_.vertex_count + vertex];
  }

  // False where there is nothing to draw.
  bool triangle(int64_t image, int64_t index, Triangle* out) const {
    const ScreenPoint *a, *b, *c;
    return corners(image, index, &a, &b, &c) && connect(*a, *b, *c, mesh_.cull, out);
  }

  // The same, and false where no pixel of `part` is within `margin`; those that may be are in `box`.
  bool triangle(
      int64_t image, int64_t index, double margin, const PixelBox& part, Triangle* out,
      PixelBox* box) const {
    const ScreenPoint *a, *b, *c;
    if (!corners(image, index, &a, &b, &c)) return false;
    *box = box_of(*a, *b, *c, margin, part);
    return pixel_count(*box) > 0 && connect(*a, *b, *c, mesh_.cull, out);
  }

 private:
  // False where one of them must not be drawn.
  bool corners(
      int64_t image, int64_t index, const ScreenPoint** a, const ScreenPoint** b,
      const ScreenPoint** c) const {
    const int32_t* ids = face(image, index);
    const char* visible = visible_.data() + image * mesh_.vertex_count;
    const ScreenPoint* points = points_.data() + image * mesh_.vertex_count;
    *a = points + ids[0], *b = points + ids[1], *c = points + ids[2];
    return visible[ids[0]] && visible[ids[1]] && visible[ids[2]];
  }

  void project(int64_t image) {
    const double focal = mesh_.focal[image];
    const double cx = mesh_.center[2 * image], cy = mesh_.center[2 * image + 1];
    const int64_t first = image * mesh_.vertex_count, count = mesh_.vertex_count;
    const float* vertices = mesh_.vertices + 3 * first;
    const float near = mesh_.near;
    ScreenPoint* points = points_.data() + first;
    char* visible = visible_.data() + first;
    for (int64_t v = 0; v < count; ++v) {
      points[v] = to_screen(vertices + 3 * v, focal, cx, cy);
      visible[v] = drawable(points[v], vertices[3 * v + 2], near);
    }
  }

  const NbfMesh& mesh_;
  std::vector<ScreenPoint> points_;
  std::vector<char> visible_;
};

// Calls draw(image, rows) for parts of the images; which parts has no influence on any pixel.
template <class Draw>
void parallel_rows(const NbfMesh& mesh, const Draw& draw) {
  if (mesh.batch == 0) return;
  const int64_t wanted = mesh.batch < mesh.threads ? (mesh.threads + mesh.batch - 1) / mesh.batch : 1;
  const int64_t bands = std::min<int64_t>(wanted, mesh.height);
  parallel(mesh.batch * bands, mesh.threads, [&](int64_t task, int64_t) {
    const int64_t band = task % bands;
    const int first = int(band * mesh.height / bands);
    const int last = int((band + 1) * mesh.height / bands) - 1;
    draw(task / bands, PixelBox{0, mesh.width - 1, first, last});
  });
}

}  // namespace nbf
