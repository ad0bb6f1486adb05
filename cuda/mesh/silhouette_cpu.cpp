// CPU soft silhouettes. See raster.h.
#include <algorithm>
#include <cmath>

#include "screen.h"

namespace {

using nbf::PixelBox;
using nbf::Screen;
using nbf::ScreenGrad;
using nbf::Softness;
using nbf::Triangle;

// The product over faces of 1 + exp(closeness), the exponential of the optical depth: one logarithm
// a pixel instead of one a face. A full pixel needs no more: inside a body, that is most faces.
void cover(
    const Triangle& triangle, const PixelBox& box, const Softness& soft, double full, int first_row,
    int width, double* products) {
  const auto outline = nbf::outline(triangle);
  for (int y = box.y0; y <= box.y1; ++y) {
    for (int x = box.x0; x <= box.x1; ++x) {
      double& product = products[int64_t(y - first_row) * width + x];
      if (product >= full) continue;
      const auto gap = nbf::gap(outline, x + 0.5, y + 0.5);
      if (nbf::counts(gap, soft)) product *= 1 + std::exp(nbf::closeness(gap, soft));
    }
  }
}

// Gradient of one face's corners on the screen, summed over its pixels in their order.
ScreenGrad face_grad(
    const NbfMesh& mesh, const Triangle& triangle, const PixelBox& box, const Softness& soft,
    const float* depth, const float* grad_depth) {
  ScreenGrad sum{};
  const auto outline = nbf::outline(triangle);
  for (int y = box.y0; y <= box.y1; ++y) {
    for (int x = box.x0; x <= box.x1; ++x) {
      const int64_t pixel = int64_t(y) * mesh.width + x;
      const double grad = grad_depth[pixel];
      if (grad == 0 || depth[pixel] >= float(nbf::kFull)) continue;
      const double px = x + 0.5, py = y + 0.5;
      const auto gap = nbf::gap(outline, px, py);
      if (nbf::counts(gap, soft))
        nbf::add_silhouette_grad(outline, px, py, gap, soft, grad, &sum);
    }
  }
  return sum;
}

// From the faces' gradients to those of one image's vertices, face by face.
void gather(
    const NbfMesh& mesh, const Screen& screen, int64_t image, const ScreenGrad* grads,
    float* grad_vertices) {
  std::vector<double> sums(2 * mesh.vertex_count);
  for (int64_t index = 0; index < mesh.face_count; ++index) {
    const int32_t* face = screen.face(image, index);
    for (int k = 0; k < 3; ++k) {
      sums[2 * face[k]] += grads[index].x[k];
      sums[2 * face[k] + 1] += grads[index].y[k];
    }
  }
  const double focal = mesh.focal[image];
  const float* center = mesh.center + 2 * image;
  for (int64_t v = 0; v < mesh.vertex_count; ++v) {
    const double gx = sums[2 * v], gy = sums[2 * v + 1];
    float* out = grad_vertices + 3 * v;
    out[0] = out[1] = out[2] = 0;
    if (gx == 0 && gy == 0) continue; // nor has an invisible vertex a place on the screen
    const auto grad =
        nbf::to_camera_grad(screen.point(image, v), focal, center[0], center[1], gx, gy);
    out[0] = float(grad.x), out[1] = float(grad.y), out[2] = float(grad.z);
  }
}

}  // namespace

extern "C" void nbf_mesh_silhouette(
    const NbfMesh* mesh, float sigma, float reach, float* depth) {
  const Screen screen(*mesh);
  const Softness soft{1.0 / sigma, reach};
  const double full = std::exp(nbf::kFull);
  nbf::parallel_rows(*mesh, [&](int64_t image, const PixelBox& rows) {
    std::vector<double> products(size_t(rows.y1 - rows.y0 + 1) * mesh->width, 1.0);
    for (int64_t face = 0; face < mesh->face_count; ++face) {
      Triangle triangle;
      PixelBox box;
      if (screen.triangle(image, face, soft.reach, rows, &triangle, &box))
        cover(triangle, box, soft, full, rows.y0, mesh->width, products.data());
    }
    float* out = depth + (image * mesh->height + rows.y0) * mesh->width;
    for (double product : products) *out++ = float(std::min(std::log(product), nbf::kFull));
  });
}

extern "C" void nbf_mesh_silhouette_backward(
    const NbfMesh* mesh, float sigma, float reach, const float* depth, const float* grad_depth,
    float* grad_vertices) {
  const Screen screen(*mesh);
  const Softness soft{1.0 / sigma, reach};
  const int64_t faces = mesh->face_count, chunk = 512, chunks = (faces + chunk - 1) / chunk;
  const PixelBox whole{0, mesh->width - 1, 0, mesh->height - 1};
  std::vector<ScreenGrad> grads(mesh->batch * faces);
  nbf::parallel(mesh->batch * chunks, mesh->threads, [&](int64_t task, int64_t) {
    const int64_t image = task / chunks, begin = task % chunks * chunk;
    const int64_t first = image * mesh->height * mesh->width;
    for (int64_t face = begin; face < std::min(begin + chunk, faces); ++face) {
      Triangle triangle;
      PixelBox box;
      if (screen.triangle(image, face, soft.reach, whole, &triangle, &box))
        grads[image * faces + face] =
            face_grad(*mesh, triangle, box, soft, depth + first, grad_depth + first);
    }
  });
  nbf::parallel(mesh->batch, mesh->threads, [&](int64_t image, int64_t) {
    gather(*mesh, screen, image, grads.data() + image * faces,
           grad_vertices + 3 * image * mesh->vertex_count);
  });
}
