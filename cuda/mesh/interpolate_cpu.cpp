// Vertex attributes at pixels on the CPU. See raster.h.
#include <algorithm>
#include <vector>

#include "common/threads.h"
#include "raster.h"

namespace {

// The corners of the face that a pixel sees, null where it sees none.
const int32_t* seen_face(const NbfMesh& mesh, const int32_t* face_ids, int64_t pixel) {
  if (face_ids[pixel] < 0) return nullptr;
  const int64_t image = pixel / (int64_t(mesh.height) * mesh.width);
  const int64_t set = mesh.face_sets == 1 ? 0 : image;
  return mesh.faces + 3 * (set * mesh.face_count + face_ids[pixel]);
}

// Calls work(pixel) for every pixel of the batch, row by row.
template <class Work>
void parallel_pixels(const NbfMesh& mesh, const Work& work) {
  nbf::parallel(mesh.batch * mesh.height, mesh.threads, [&](int64_t row, int64_t) {
    for (int64_t pixel = row * mesh.width; pixel < (row + 1) * mesh.width; ++pixel) work(pixel);
  });
}

}  // namespace

extern "C" void nbf_mesh_interpolate(
    const NbfMesh* mesh, const int32_t* face_ids, const float* barycentric,
    const float* attributes, int64_t attribute_sets, int64_t channels, float* values) {
  const int64_t pixels = int64_t(mesh->height) * mesh->width;
  parallel_pixels(*mesh, [&](int64_t pixel) {
    float* out = values + channels * pixel;
    const int32_t* face = seen_face(*mesh, face_ids, pixel);
    if (!face) {
      std::fill_n(out, channels, 0.f);
      return;
    }
    const int64_t set = attribute_sets == 1 ? 0 : pixel / pixels;
    const float* values_of_set = attributes + set * mesh->vertex_count * channels;
    const float* a = values_of_set + channels * face[0];
    const float* b = values_of_set + channels * face[1];
    const float* c = values_of_set + channels * face[2];
    const float* w = barycentric + 3 * pixel;
    for (int64_t d = 0; d < channels; ++d) out[d] = w[0] * a[d] + w[1] * b[d] + w[2] * c[d];
  });
}

extern "C" void nbf_mesh_interpolate_backward(
    const NbfMesh* mesh, const int32_t* face_ids, const float* barycentric,
    const float* attributes, int64_t attribute_sets, int64_t channels, const float* grad_values,
    float* grad_barycentric, float* grad_attributes) {
  const int64_t pixels = int64_t(mesh->height) * mesh->width;
  parallel_pixels(*mesh, [&](int64_t pixel) {
    const int32_t* face = seen_face(*mesh, face_ids, pixel);
    const int64_t set = attribute_sets == 1 ? 0 : pixel / pixels;
    for (int k = 0; k < 3; ++k) {
      double sum = 0;
      if (face) {
        const float* value = attributes + (set * mesh->vertex_count + face[k]) * channels;
        const float* grad = grad_values + channels * pixel;
        for (int64_t d = 0; d < channels; ++d) sum += double(value[d]) * grad[d];
      }
      grad_barycentric[3 * pixel + k] = float(sum);
    }
  });
  if (!grad_attributes) return;
  // A task owns some channels of a set and goes through its pixels in their order.
  const int64_t block = 16, blocks = (channels + block - 1) / block;
  const int64_t images = attribute_sets == 1 ? mesh->batch : 1;
  nbf::parallel(attribute_sets * blocks, mesh->threads, [&](int64_t task, int64_t) {
    const int64_t set = task / blocks, first = task % blocks * block;
    const int64_t count = std::min(block, channels - first);
    std::vector<double> sums(mesh->vertex_count * count);
    for (int64_t pixel = set * pixels; pixel < (set + images) * pixels; ++pixel) {
      const int32_t* face = seen_face(*mesh, face_ids, pixel);
      if (!face) continue;
      const float* grad = grad_values + channels * pixel + first;
      for (int k = 0; k < 3; ++k) {
        const double weight = barycentric[3 * pixel + k];
        double* sum = sums.data() + count * face[k];
        for (int64_t d = 0; d < count; ++d) sum[d] += weight * grad[d];
      }
    }
    for (int64_t v = 0; v < mesh->vertex_count; ++v) {
      std::copy_n(sums.data() + count * v, count,
                  grad_attributes + (set * mesh->vertex_count + v) * channels + first);
    }
  });
}
