// Vertex attributes at pixels on a CUDA device. See raster_cuda.h.
#include "mesh.cuh"
#include "sums.cuh"

namespace nbf {
namespace {

struct Surface {
  NbfMesh mesh;
  const int32_t* face_ids;
  const float* barycentric;
  const float* attributes;
  int64_t sets, channels;
};

// The attributes of a pixel's set, and the corners of the face that it sees; null where it sees none.
struct Place {
  int64_t set;
  const int32_t* corners;
};

__device__ Place place_of(const Surface& surface, int64_t pixel) {
  const NbfMesh& mesh = surface.mesh;
  const int64_t image = pixel / (int64_t(mesh.height) * mesh.width);
  const int32_t face = surface.face_ids[pixel];
  return {surface.sets == 1 ? 0 : image, face < 0 ? nullptr : corners_of(mesh, image, face)};
}

// One thread a pixel and channel.
__global__ void mix_attributes(Surface surface, int64_t count, float* values) {
  const int64_t at = thread_index();
  if (at >= count) return;
  const int64_t pixel = at / surface.channels, channel = at % surface.channels;
  const Place place = place_of(surface, pixel);
  float sum = 0;
  if (place.corners) {
    const float* of_set =
        surface.attributes + place.set * surface.mesh.vertex_count * surface.channels + channel;
    const float* weight = surface.barycentric + 3 * pixel;
    sum = weight[0] * of_set[surface.channels * place.corners[0]] +
          weight[1] * of_set[surface.channels * place.corners[1]] +
          weight[2] * of_set[surface.channels * place.corners[2]];
  }
  values[at] = sum;
}

// One thread a pixel and corner.
__global__ void pull_barycentrics(
    Surface surface, int64_t count, const float* grad_values, float* grad_barycentric) {
  const int64_t at = thread_index();
  if (at >= count) return;
  const int64_t pixel = at / 3, corner = at % 3;
  const Place place = place_of(surface, pixel);
  double sum = 0;
  if (place.corners) {
    const int64_t vertex = place.set * surface.mesh.vertex_count + place.corners[corner];
    const float* value = surface.attributes + vertex * surface.channels;
    const float* grad = grad_values + pixel * surface.channels;
    for (int64_t d = 0; d < surface.channels; ++d) sum += double(value[d]) * grad[d];
  }
  grad_barycentric[at] = float(sum);
}

// One thread a pixel and channel.
__global__ void pull_attributes(
    Surface surface, int64_t count, const float* grad_values, bool adding, Sums sums) {
  const int64_t at = thread_index();
  if (at >= count) return;
  const int64_t pixel = at / surface.channels, channel = at % surface.channels;
  const Place place = place_of(surface, pixel);
  if (!place.corners) return;
  for (int k = 0; k < 3; ++k) {
    const float pull = surface.barycentric[3 * pixel + k] * grad_values[at];
    if (adding) {
      add(sums, place.set, surface.channels * place.corners[k] + channel, pull);
    } else {
      note(sums, place.set, pull);
    }
  }
}

Sums cut_attribute_sums(const NbfMesh& mesh, int64_t sets, int64_t channels, Scratch* scratch) {
  const int64_t images = sets == 1 ? mesh.batch : 1;
  const int64_t most = 3 * images * mesh.height * mesh.width;
  return cut_sums(sets, mesh.vertex_count * channels, most, scratch);
}

}  // namespace
}  // namespace nbf

using namespace nbf;

extern "C" int nbf_cuda_mesh_interpolate(
    const NbfMesh* mesh, const int32_t* face_ids, const float* barycentric,
    const float* attributes, int64_t attribute_sets, int64_t channels, float* values,
    void* stream) {
  if (const int code = check_mesh(*mesh)) return code;
  const Surface surface{*mesh, face_ids, barycentric, attributes, attribute_sets, channels};
  const int64_t count = pixels_of(*mesh) * channels;
  return launch(mix_attributes, mesh_blocks(count), kMeshThreads, 0, cudaStream_t(stream), surface,
                count, values);
}

extern "C" int64_t nbf_cuda_mesh_interpolate_backward_scratch(
    const NbfMesh* mesh, int64_t attribute_sets, int64_t channels) {
  Scratch scratch(nullptr);
  cut_attribute_sums(*mesh, attribute_sets, channels, &scratch);
  return scratch.used();
}

extern "C" int nbf_cuda_mesh_interpolate_backward(
    const NbfMesh* mesh, const int32_t* face_ids, const float* barycentric,
    const float* attributes, int64_t attribute_sets, int64_t channels, const float* grad_values,
    float* grad_barycentric, float* grad_attributes, void* memory, void* stream) {
  if (const int code = check_mesh(*mesh)) return code;
  const Surface surface{*mesh, face_ids, barycentric, attributes, attribute_sets, channels};
  const auto queue = cudaStream_t(stream);
  const int64_t corners = 3 * pixels_of(*mesh), count = pixels_of(*mesh) * channels;
  int code = launch(pull_barycentrics, mesh_blocks(corners), kMeshThreads, 0, queue, surface,
                    corners, grad_values, grad_barycentric);
  if (code || !grad_attributes) return code;
  Scratch scratch(memory);
  const Sums sums = cut_attribute_sums(*mesh, attribute_sets, channels, &scratch);
  code = clear_sums(sums, queue);
  for (const bool adding : {false, true}) {
    if (!code)
      code = launch(pull_attributes, mesh_blocks(count), kMeshThreads, 0, queue, surface, count,
                    grad_values, adding, sums);
  }
  return code ? code : show(sums, grad_attributes, queue);
}
