// Soft silhouettes on a CUDA device. See raster_cuda.h. One thread a face.
#include "mesh.cuh"
#include "sums.cuh"

namespace nbf {
namespace {

constexpr double kWholes = 68719476736.0;  // of a unit of optical depth: 2^36
constexpr Whole kFullWholes = Whole(kFull * kWholes);

// Threads add to a pixel until it is full; whether the last of them came in time changes nothing,
// since all that is full counts as just full.
__global__ void cover_pixels(NbfMesh mesh, Softness soft, Whole* depths) {
  const int64_t at = thread_index();
  if (at >= mesh.batch * mesh.face_count) return;
  const int64_t image = at / mesh.face_count;
  Triangle triangle;
  if (!project_face(mesh, image, at % mesh.face_count, &triangle)) return;
  const PixelBox box = box_of(triangle, soft.reach, whole_image(mesh));
  const Outline sides = outline(triangle);
  for (int y = box.y0; y <= box.y1; ++y) {
    for (int x = box.x0; x <= box.x1; ++x) {
      Whole* depth = depths + (image * mesh.height + y) * mesh.width + x;
      if (*depth >= kFullWholes) continue;
      const Gap between = gap(sides, x + 0.5, y + 0.5);
      if (!counts(between, soft)) continue;
      const float term = std::log1p(std::exp(float(closeness(between, soft))));
      atomicAdd(depth, Whole(std::llrint(term * kWholes)));
    }
  }
}

__global__ void show_depth(const Whole* depths, int64_t pixels, float* out) {
  const int64_t pixel = thread_index();
  if (pixel >= pixels) return;
  const Whole depth = depths[pixel];
  out[pixel] = float((depth < kFullWholes ? depth : kFullWholes) / kWholes);
}

struct Pulls {
  float* corners;  // [batch, faces, corner, axis], pulls on the screen
  Sums sums;       // [batch, vertices, axis]
};

Pulls cut_pulls(const NbfMesh& mesh, Scratch* scratch) {
  Pulls pulls;
  pulls.corners = scratch->take<float>(6 * mesh.batch * mesh.face_count);
  pulls.sums = cut_sums(mesh.batch, 2 * mesh.vertex_count, 3 * mesh.face_count, scratch);
  return pulls;
}

// A face's pixels in their order.
__device__ ScreenGrad face_grad(
    const NbfMesh& mesh, int64_t image, const Triangle& triangle, const Softness& soft,
    const float* depth, const float* grad_depth) {
  ScreenGrad sum{};
  const PixelBox box = box_of(triangle, soft.reach, whole_image(mesh));
  const Outline sides = outline(triangle);
  for (int y = box.y0; y <= box.y1; ++y) {
    for (int x = box.x0; x <= box.x1; ++x) {
      const int64_t pixel = (image * mesh.height + y) * mesh.width + x;
      const float grad = grad_depth[pixel];
      if (grad == 0 || depth[pixel] >= float(kFull)) continue;
      const double px = x + 0.5, py = y + 0.5;
      const Gap between = gap(sides, px, py);
      if (counts(between, soft)) add_silhouette_grad(sides, px, py, between, soft, grad, &sum);
    }
  }
  return sum;
}

__global__ void pull_corners(
    NbfMesh mesh, Softness soft, const float* depth, const float* grad_depth, Pulls pulls) {
  const int64_t at = thread_index();
  if (at >= mesh.batch * mesh.face_count) return;
  const int64_t image = at / mesh.face_count;
  ScreenGrad grad{};
  Triangle triangle;
  if (project_face(mesh, image, at % mesh.face_count, &triangle))
    grad = face_grad(mesh, image, triangle, soft, depth, grad_depth);
  float* out = pulls.corners + 6 * at;
  for (int k = 0; k < 3; ++k) {
    out[2 * k] = float(grad.x[k]), out[2 * k + 1] = float(grad.y[k]);
    note(pulls.sums, image, out[2 * k]), note(pulls.sums, image, out[2 * k + 1]);
  }
}

__global__ void gather_corners(NbfMesh mesh, Pulls pulls) {
  const int64_t at = thread_index();
  if (at >= mesh.batch * mesh.face_count) return;
  const int64_t image = at / mesh.face_count;
  const int32_t* corners = corners_of(mesh, image, at % mesh.face_count);
  for (int k = 0; k < 3; ++k)
    for (int axis = 0; axis < 2; ++axis)
      add(pulls.sums, image, 2 * int64_t(corners[k]) + axis, pulls.corners[6 * at + 2 * k + axis]);
}

__global__ void pull_vertices(NbfMesh mesh, Sums sums, float* grad_vertices) {
  const int64_t at = thread_index();
  if (at >= mesh.batch * mesh.vertex_count) return;
  const int64_t image = at / mesh.vertex_count, vertex = at % mesh.vertex_count;
  const double gx = total(sums, image, 2 * vertex), gy = total(sums, image, 2 * vertex + 1);
  Vector grad{0, 0, 0};
  if (!(gx == 0 && gy == 0)) {
    ScreenPoint point;
    project_vertex(mesh, image, int32_t(vertex), &point);
    const Lens camera = lens(mesh, image);
    grad = to_camera_grad(point, camera.focal, camera.x, camera.y, gx, gy);
  }
  float* out = grad_vertices + 3 * at;
  out[0] = float(grad.x), out[1] = float(grad.y), out[2] = float(grad.z);
}

}  // namespace
}  // namespace nbf

using namespace nbf;

extern "C" int64_t nbf_cuda_mesh_silhouette_scratch(const NbfMesh* mesh) {
  Scratch scratch(nullptr);
  scratch.take<Whole>(pixels_of(*mesh));
  return scratch.used();
}

extern "C" int nbf_cuda_mesh_silhouette(
    const NbfMesh* mesh, float sigma, float reach, float* depth, void* memory, void* stream) {
  if (const int code = check_mesh(*mesh)) return code;
  const int64_t pixels = pixels_of(*mesh), faces = mesh->batch * mesh->face_count;
  if (pixels == 0) return kNoError;
  const auto queue = cudaStream_t(stream);
  const Softness soft{1.0 / sigma, reach};
  Whole* depths = Scratch(memory).take<Whole>(pixels);
  int code = check(cudaMemsetAsync(depths, 0, pixels * sizeof(Whole), queue), "clear");
  if (!code)
    code = launch(cover_pixels, mesh_blocks(faces), kMeshThreads, 0, queue, *mesh, soft, depths);
  if (code) return code;
  return launch(show_depth, mesh_blocks(pixels), kMeshThreads, 0, queue, depths, pixels, depth);
}

extern "C" int64_t nbf_cuda_mesh_silhouette_backward_scratch(const NbfMesh* mesh) {
  Scratch scratch(nullptr);
  cut_pulls(*mesh, &scratch);
  return scratch.used();
}

extern "C" int nbf_cuda_mesh_silhouette_backward(
    const NbfMesh* mesh, float sigma, float reach, const float* depth, const float* grad_depth,
    float* grad_vertices, void* memory, void* stream) {
  if (const int code = check_mesh(*mesh)) return code;
  Scratch scratch(memory);
  const Pulls pulls = cut_pulls(*mesh, &scratch);
  const Softness soft{1.0 / sigma, reach};
  const auto queue = cudaStream_t(stream);
  const unsigned faces = mesh_blocks(mesh->batch * mesh->face_count);
  int code = clear_sums(pulls.sums, queue);
  if (!code)
    code = launch(pull_corners, faces, kMeshThreads, 0, queue, *mesh, soft, depth, grad_depth,
                  pulls);
  if (!code) code = launch(gather_corners, faces, kMeshThreads, 0, queue, *mesh, pulls);
  if (code) return code;
  return launch(pull_vertices, mesh_blocks(mesh->batch * mesh->vertex_count), kMeshThreads, 0,
                queue, *mesh, pulls.sums, grad_vertices);
}
