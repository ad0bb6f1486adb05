// What the mesh kernels share: a face's triangle, projected where it is needed.
#pragma once
#include "common/cuda_launch.cuh"
#include "raster_cuda.h"
#include "raster_math.h"

namespace nbf {

constexpr unsigned kMeshThreads = 128;  // of a block

static __device__ inline int64_t thread_index() {
  return int64_t(blockIdx.x) * kMeshThreads + threadIdx.x;
}

inline unsigned mesh_blocks(int64_t items) { return blocks_for(items, kMeshThreads); }

inline int64_t pixels_of(const NbfMesh& mesh) {
  return mesh.batch * mesh.height * mesh.width;
}

inline int check_mesh(const NbfMesh& mesh) {
  if (mesh.batch < 0 || mesh.vertex_count < 0 || mesh.face_count < 0 || mesh.height < 1 ||
      mesh.width < 1)
    return refuse("a mesh of impossible size");
  const int64_t most = int64_t(1) << 31;
  if (mesh.batch * mesh.face_count >= most || pixels_of(mesh) >= most)
    return refuse("the batch is too large: two thousand million faces or pixels");
  return kNoError;
}

struct Lens {
  double focal, x, y;
};

static __device__ inline Lens lens(const NbfMesh& mesh, int64_t image) {
  return {mesh.focal[image], mesh.center[2 * image], mesh.center[2 * image + 1]};
}

static __device__ inline const int32_t* corners_of(
    const NbfMesh& mesh, int64_t image, int64_t face) {
  const int64_t set = mesh.face_sets == 1 ? 0 : image;
  return mesh.faces + 3 * (set * mesh.face_count + face);
}

static __device__ inline const float* vertex_of(
    const NbfMesh& mesh, int64_t image, int32_t vertex) {
  return mesh.vertices + 3 * (image * mesh.vertex_count + vertex);
}

// False where the vertex must not be drawn.
static __device__ inline bool project_vertex(
    const NbfMesh& mesh, int64_t image, int32_t vertex, ScreenPoint* out) {
  const float* point = vertex_of(mesh, image, vertex);
  const Lens camera = lens(mesh, image);
  *out = to_screen(point, camera.focal, camera.x, camera.y);
  return drawable(*out, point[2], mesh.near);
}

// False where there is nothing to draw.
static __device__ inline bool project_face(
    const NbfMesh& mesh, int64_t image, int64_t face, Triangle* out) {
  const int32_t* corners = corners_of(mesh, image, face);
  ScreenPoint a, b, c;
  return project_vertex(mesh, image, corners[0], &a) &&
         project_vertex(mesh, image, corners[1], &b) &&
         project_vertex(mesh, image, corners[2], &c) && connect(a, b, c, mesh.cull, out);
}

static __device__ inline PixelBox whole_image(const NbfMesh& mesh) {
  return {0, mesh.width - 1, 0, mesh.height - 1};
}

}  // namespace nbf
