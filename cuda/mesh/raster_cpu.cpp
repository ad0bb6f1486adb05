// CPU rasteriser: one pass over the triangles, the z-buffer in `depth`. See raster.h.
#include <algorithm>
#include <limits>

#include "raster_draw.h"
#include "screen.h"

namespace {

using nbf::PixelBox;
using nbf::Screen;
using nbf::Triangle;

using Target = nbf::DrawTarget;

// Faces come in rising order, so `<` leaves a tie with the smaller id.
void store_if_nearer(
    const Triangle& triangle, nbf::Weights weights, int32_t face, size_t pixel,
    const Target& out) {
  const float z = float(nbf::correct_perspective(triangle, &weights));
  if (!(z < out.depth[pixel])) return;
  out.depth[pixel] = z;
  out.face_ids[pixel] = face;
  float* target = out.barycentric + 3 * pixel;
  target[0] = float(weights.a), target[1] = float(weights.b), target[2] = float(weights.c);
}

void clear(const PixelBox& rows, const Target& out) {
  const size_t first = size_t(rows.y0) * out.width;
  const size_t count = size_t(rows.y1 - rows.y0 + 1) * out.width;
  std::fill_n(out.face_ids + first, count, -1);
  std::fill_n(out.barycentric + 3 * first, 3 * count, 0.f);
  std::fill_n(out.depth + first, count, std::numeric_limits<float>::infinity());
}

void rasterize(
    const NbfMesh& mesh, nbf::DrawTriangle draw, int32_t* face_ids, float* barycentric,
    float* depth) {
  const Screen screen(mesh);
  nbf::parallel_rows(mesh, [&](int64_t image, const PixelBox& rows) {
    const int64_t first = image * mesh.height * mesh.width;
    const Target out{mesh.width, face_ids + first, barycentric + 3 * first, depth + first};
    clear(rows, out);
    for (int64_t face = 0; face < mesh.face_count; ++face) {
      Triangle triangle;
      PixelBox box;
      if (screen.triangle(image, face, 0, rows, &triangle, &box))
        draw(triangle, box, int32_t(face), out);
    }
  });
}

// Adds what the pixels of one image pull at its vertices, pixel by pixel.
void pull(
    const NbfMesh& mesh, const Screen& screen, int64_t image, const int32_t* face_ids,
    const float* grad_barycentric, const float* grad_depth, double* sums) {
  const float* vertices = mesh.vertices + 3 * image * mesh.vertex_count;
  for (int64_t pixel = 0; pixel < int64_t(mesh.height) * mesh.width; ++pixel) {
    Triangle triangle;
    const int32_t id = face_ids[pixel];
    if (id < 0 || !screen.triangle(image, id, &triangle)) continue;
    const double px = pixel % mesh.width + 0.5, py = pixel / mesh.width + 0.5;
    auto weights = nbf::screen_weights(triangle, 1.0 / triangle.area, px, py);
    const double z = nbf::correct_perspective(triangle, &weights);
    const int32_t* face = screen.face(image, id);
    const auto pulled = nbf::plane_pull(
        vertices + 3 * face[0], vertices + 3 * face[1], vertices + 3 * face[2], weights, z,
        grad_barycentric + 3 * pixel, grad_depth[pixel]);
    const double share[3] = {weights.a, weights.b, weights.c};
    for (int k = 0; k < 3; ++k) {
      double* sum = sums + 3 * face[k];
      sum[0] += share[k] * pulled.x, sum[1] += share[k] * pulled.y, sum[2] += share[k] * pulled.z;
    }
  }
}

// The quickest form that this processor has.
nbf::DrawTriangle quickest() {
#if defined(NBF_X86_VARIANTS)
  if (__builtin_cpu_supports("avx2")) return nbf::draw_avx2;
#endif
  return nbf::draw_plain;
}

}  // namespace

// The pixels of a row that a triangle holds are neighbours, for rounding keeps the order of weights.
void nbf::draw_plain(
    const Triangle& triangle, const PixelBox& box, int32_t face, const DrawTarget& out) {
  const double inverse_area = 1.0 / triangle.area;
  for (int y = box.y0; y <= box.y1; ++y) {
    bool entered = false;
    for (int x = box.x0; x <= box.x1; ++x) {
      const auto weights = nbf::screen_weights(triangle, inverse_area, x + 0.5, y + 0.5);
      if (nbf::inside(weights)) {
        entered = true;
        store_if_nearer(triangle, weights, face, size_t(y) * out.width + x, out);
      } else if (entered) {
        break;
      }
    }
  }
}

extern "C" void nbf_mesh_rasterize(
    const NbfMesh* mesh, int32_t* face_ids, float* barycentric, float* depth) {
  static const nbf::DrawTriangle draw = quickest();
  rasterize(*mesh, draw, face_ids, barycentric, depth);
}

extern "C" void nbf_mesh_rasterize_plain(
    const NbfMesh* mesh, int32_t* face_ids, float* barycentric, float* depth) {
  rasterize(*mesh, nbf::draw_plain, face_ids, barycentric, depth);
}

extern "C" void nbf_mesh_rasterize_backward(
    const NbfMesh* mesh, const int32_t* face_ids, const float* grad_barycentric,
    const float* grad_depth, float* grad_vertices) {
  const Screen screen(*mesh);
  nbf::parallel(mesh->batch, mesh->threads, [&](int64_t image, int64_t) {
    const int64_t first = image * mesh->height * mesh->width;
    std::vector<double> sums(3 * mesh->vertex_count);
    pull(*mesh, screen, image, face_ids + first, grad_barycentric + 3 * first, grad_depth + first,
         sums.data());
    std::copy(sums.begin(), sums.end(), grad_vertices + 3 * image * mesh->vertex_count);
  });
}
