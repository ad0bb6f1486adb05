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
    const int32_t* corners = face(image, index);
    const int64_t a = image * mesh_.vertex_count + corners[0];
    const int64_t b = image * mesh_.vertex_count + corners[1];
    const int64_t c = image * mesh_.vertex_count + corners[2];
    if (!(visible_[a] && visible_[b] && visible_[c])) return false;
    return connect(points_[a], points_[b], points_[c], mesh_.cull, out);
  }

 private:
  void project(int64_t image) {
    const float* center = mesh_.center + 2 * image;
    for (int64_t v = image * mesh_.vertex_count; v < (image + 1) * mesh_.vertex_count; ++v) {
      const float* vertex = mesh_.vertices + 3 * v;
      points_[v] = to_screen(vertex, mesh_.focal[image], center[0], center[1]);
      visible_[v] = drawable(points_[v], vertex[2], mesh_.near);
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
