// Z-buffered meshes on a CUDA device. See raster_cuda.h.
//
// One thread draws a face: its pixels compete by atomicMin of (depth, face) as one whole number,
// whose result no order changes. The few faces that are large on the screen would hold up their
// warps; they are listed, and whole blocks draw them afterwards.
#include "mesh.cuh"
#include "sums.cuh"

namespace nbf {
namespace {

constexpr int64_t kLarge = 256;  // pixels of a face's box that are too many for one thread
constexpr int64_t kLargeBlocks = 256;
constexpr Whole kEmpty = ~Whole(0);

struct Canvas {
  Whole* keys;            // [batch, height, width]
  uint32_t* large_count;  // [1]
  int32_t* large;         // image * face_count + face, in any order
};

Canvas cut_canvas(const NbfMesh& mesh, Scratch* scratch) {
  Canvas canvas;
  canvas.keys = scratch->take<Whole>(pixels_of(mesh));
  canvas.large_count = scratch->take<uint32_t>(1);
  canvas.large = scratch->take<int32_t>(mesh.batch * mesh.face_count);
  return canvas;
}

__device__ void draw_pixel(
    const NbfMesh& mesh, const Canvas& canvas, const Triangle& triangle, double inverse_area,
    int64_t image, int32_t face, int x, int y) {
  auto weights = screen_weights(triangle, inverse_area, x + 0.5, y + 0.5);
  if (!inside(weights)) return;
  const float z = float(correct_perspective(triangle, &weights));
  const Whole key = depth_key(z, face);
  Whole* nearest = canvas.keys + (image * mesh.height + y) * mesh.width + x;
  if (key < *nearest) atomicMin(nearest, key);
}

__global__ void draw_faces(NbfMesh mesh, Canvas canvas) {
  const int64_t at = thread_index();
  if (at >= mesh.batch * mesh.face_count) return;
  const int64_t image = at / mesh.face_count, face = at % mesh.face_count;
  Triangle triangle;
  if (!project_face(mesh, image, face, &triangle)) return;
  const PixelBox box = box_of(triangle, 0, whole_image(mesh));
  if (pixel_count(box) > kLarge) {
    canvas.large[atomicAdd(canvas.large_count, 1u)] = int32_t(at);
    return;
  }
  const double inverse_area = 1.0 / triangle.area;
  for (int y = box.y0; y <= box.y1; ++y)
    for (int x = box.x0; x <= box.x1; ++x)
      draw_pixel(mesh, canvas, triangle, inverse_area, image, int32_t(face), x, y);
}

// A block takes every kLargeBlocks-th of the listed faces.
__global__ void draw_large_faces(NbfMesh mesh, Canvas canvas, int64_t blocks) {
  for (int64_t i = blockIdx.x; i < *canvas.large_count; i += blocks) {
    const int64_t image = canvas.large[i] / mesh.face_count;
    const int64_t face = canvas.large[i] % mesh.face_count;
    Triangle triangle;
    if (!project_face(mesh, image, face, &triangle)) continue;
    const PixelBox box = box_of(triangle, 0, whole_image(mesh));
    const double inverse_area = 1.0 / triangle.area;
    const int64_t columns = box.x1 - box.x0 + 1, count = pixel_count(box);
    for (int64_t p = threadIdx.x; p < count; p += kMeshThreads)
      draw_pixel(mesh, canvas, triangle, inverse_area, image, int32_t(face),
                 box.x0 + int(p % columns), box.y0 + int(p / columns));
  }
}

// Weights at a pixel of the face that it sees.
__device__ Weights seen_weights(
    const NbfMesh& mesh, int64_t pixel, const Triangle& triangle, double* z) {
  const double x = pixel % mesh.width + 0.5, y = pixel / mesh.width % mesh.height + 0.5;
  auto weights = screen_weights(triangle, 1.0 / triangle.area, x, y);
  *z = correct_perspective(triangle, &weights);
  return weights;
}

__global__ void show_faces(
    NbfMesh mesh, Canvas canvas, int64_t pixels, int32_t* face_ids, float* barycentric,
    float* depth) {
  const int64_t pixel = thread_index();
  if (pixel >= pixels) return;
  const Whole key = canvas.keys[pixel];
  Triangle triangle;
  Weights weights{0, 0, 0};
  double z = HUGE_VAL;
  const int32_t face = key == kEmpty ? -1 : int32_t(uint32_t(key));
  const int64_t image = pixel / (int64_t(mesh.height) * mesh.width);
  if (face >= 0 && project_face(mesh, image, face, &triangle))
    weights = seen_weights(mesh, pixel, triangle, &z);
  face_ids[pixel] = face;
  barycentric[3 * pixel] = float(weights.a);
  barycentric[3 * pixel + 1] = float(weights.b);
  barycentric[3 * pixel + 2] = float(weights.c);
  depth[pixel] = float(z);
}

struct PixelGrads {
  const int32_t* face_ids;
  const float* barycentric;
  const float* depth;
};

// What one pixel pulls at the corners of its face: [corner][axis]. False where it sees none.
__device__ bool corner_pulls(
    const NbfMesh& mesh, const PixelGrads& grads, int64_t pixel, int64_t image, float pulls[3][3]) {
  Triangle triangle;
  const int32_t face = grads.face_ids[pixel];
  if (face < 0 || !project_face(mesh, image, face, &triangle)) return false;
  double z;
  const Weights weights = seen_weights(mesh, pixel, triangle, &z);
  const int32_t* corners = corners_of(mesh, image, face);
  const Vector pull = plane_pull(
      vertex_of(mesh, image, corners[0]), vertex_of(mesh, image, corners[1]),
      vertex_of(mesh, image, corners[2]), weights, z, grads.barycentric + 3 * pixel,
      grads.depth[pixel]);
  const double share[3] = {weights.a, weights.b, weights.c};
  for (int k = 0; k < 3; ++k) {
    pulls[k][0] = float(share[k] * pull.x);
    pulls[k][1] = float(share[k] * pull.y);
    pulls[k][2] = float(share[k] * pull.z);
  }
  return true;
}

__global__ void pull_vertices(
    NbfMesh mesh, PixelGrads grads, int64_t pixels, bool adding, Sums sums) {
  const int64_t pixel = thread_index();
  if (pixel >= pixels) return;
  const int64_t image = pixel / (int64_t(mesh.height) * mesh.width);
  float pulls[3][3];
  if (!corner_pulls(mesh, grads, pixel, image, pulls)) return;
  const int32_t* corners = corners_of(mesh, image, grads.face_ids[pixel]);
  for (int k = 0; k < 3; ++k) {
    for (int axis = 0; axis < 3; ++axis) {
      if (adding) {
        add(sums, image, 3 * int64_t(corners[k]) + axis, pulls[k][axis]);
      } else {
        note(sums, image, pulls[k][axis]);
      }
    }
  }
}

__global__ void show_sums(Sums sums, float* out) {
  const int64_t at = thread_index();
  if (at >= sums.groups * sums.size) return;
  out[at] = float(total(sums, at / sums.size, at % sums.size));
}

Sums cut_vertex_sums(const NbfMesh& mesh, Scratch* scratch) {
  const int64_t most = 3 * int64_t(mesh.height) * mesh.width;
  return cut_sums(mesh.batch, 3 * mesh.vertex_count, most, scratch);
}

}  // namespace

int show(const Sums& sums, float* out, cudaStream_t stream) {
  return launch(show_sums, mesh_blocks(sums.groups * sums.size), kMeshThreads, 0, stream, sums,
                out);
}

}  // namespace nbf

using namespace nbf;

extern "C" int64_t nbf_cuda_mesh_rasterize_scratch(const NbfMesh* mesh) {
  Scratch scratch(nullptr);
  cut_canvas(*mesh, &scratch);
  return scratch.used();
}

extern "C" int nbf_cuda_mesh_rasterize(
    const NbfMesh* mesh, int32_t* face_ids, float* barycentric, float* depth, void* memory,
    void* stream) {
  if (const int code = check_mesh(*mesh)) return code;
  Scratch scratch(memory);
  const Canvas canvas = cut_canvas(*mesh, &scratch);
  const auto queue = cudaStream_t(stream);
  const int64_t pixels = pixels_of(*mesh), faces = mesh->batch * mesh->face_count;
  if (pixels == 0) return kNoError;
  const int64_t blocks = faces < kLargeBlocks ? faces : kLargeBlocks;
  int code = check(cudaMemsetAsync(canvas.keys, 0xff, pixels * sizeof(Whole), queue), "clear");
  if (!code)
    code = check(cudaMemsetAsync(canvas.large_count, 0, sizeof(uint32_t), queue), "clear");
  if (!code)
    code = launch(draw_faces, mesh_blocks(faces), kMeshThreads, 0, queue, *mesh, canvas);
  if (!code)
    code = launch(draw_large_faces, unsigned(blocks), kMeshThreads, 0, queue, *mesh, canvas,
                  blocks);
  if (code) return code;
  return launch(show_faces, mesh_blocks(pixels), kMeshThreads, 0, queue, *mesh, canvas, pixels,
                face_ids, barycentric, depth);
}

extern "C" int64_t nbf_cuda_mesh_rasterize_backward_scratch(const NbfMesh* mesh) {
  Scratch scratch(nullptr);
  cut_vertex_sums(*mesh, &scratch);
  return scratch.used();
}

extern "C" int nbf_cuda_mesh_rasterize_backward(
    const NbfMesh* mesh, const int32_t* face_ids, const float* grad_barycentric,
    const float* grad_depth, float* grad_vertices, void* memory, void* stream) {
  if (const int code = check_mesh(*mesh)) return code;
  Scratch scratch(memory);
  const Sums sums = cut_vertex_sums(*mesh, &scratch);
  const PixelGrads grads{face_ids, grad_barycentric, grad_depth};
  const auto queue = cudaStream_t(stream);
  const int64_t pixels = pixels_of(*mesh);
  int code = clear_sums(sums, queue);
  for (const bool adding : {false, true}) {
    if (!code)
      code = launch(pull_vertices, mesh_blocks(pixels), kMeshThreads, 0, queue, *mesh, grads,
                    pixels, adding, sums);
  }
  return code ? code : show(sums, grad_vertices, queue);
}
