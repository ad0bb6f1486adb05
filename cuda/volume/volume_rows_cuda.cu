// Weights and features of kernels that were chosen before, and back: see volume_cuda.h.
//
// Forward, a block takes 32 rows, one a lane. Backward, what each row says of each of its kernels
// is stored, and then one warp a kernel adds up the rows that have it: a bit map tells which.
#include "volume_cuda.h"
#include "volume_lists.cuh"

namespace nbf {
namespace {

struct Rows {
  View view;
  NbfVolumeRows list;
  const float *means, *precisions;
};

Rows rows_of(const NbfVolumeScene& s, const NbfVolumeRows& rows) {
  return {view_of(s), rows, s.means, s.precisions};
}

// Scratch of the backward functions.
struct Users {
  int64_t words;   // 32 rows each, for every kernel
  int64_t* first;  // [batch] each person's first row
  uint32_t* bits;  // [batch, kernels, words] which of its person's rows have the kernel
  float* parts;    // [rows, nearest, 3] gradients of sharpness, peak and miss
};

Users cut_users(
    const NbfVolumeScene& s, const NbfVolumeRows& rows, void* memory, int64_t* used) {
  Scratch scratch(memory);
  Users out;
  out.words = (int64_t(s.height) * s.width + 31) / 32;
  out.first = scratch.take<int64_t>(s.batch);
  out.bits = scratch.take<uint32_t>(s.batch * s.kernels * out.words);
  out.parts = scratch.take<float>(rows.rows * rows.nearest * 3);
  *used = scratch.used();
  return out;
}

// --- weights ---

// Fills the group of a block's rows; returns the lane's, or -1.
static __device__ inline int64_t fill_rows(const Rows& task, Group* g) {
  const NbfVolumeRows& list = task.list;
  const int64_t at = int64_t(blockIdx.x) * kPixels + lane_id();
  const int64_t row = at < list.rows ? at : -1;
  const int64_t* kernels = list.kernels + (row < 0 ? 0 : row * list.nearest);
  int seen = 0;
  while (row >= 0 && seen < list.nearest && kernels[seen] >= 0) ++seen;
  g->slots = most_of_lanes(seen);
  const int64_t person = row < 0 ? 0 : list.batch[row];
  const auto ray = map_ray(pinhole(task.view, person), row < 0 ? 0 : int32_t(list.pixel[row]),
                           task.view.width);
  for (int k = warp_id(); k < g->slots; k += kWarps) {
    const int slot = k * kPixels + lane_id();
    const bool exists = k < seen;
    const int64_t kernel = person * task.view.kernels + (exists ? kernels[k] : 0);
    const auto shape = load_shape(task.means, task.precisions, kernel);
    g->kernel[slot] = exists ? int32_t(kernels[k]) : -1;
    fill_slot(*g, slot, exists, shape, ray, task.view.density);
  }
  __syncthreads();
  return row;
}

template <int kForm>
static __device__ inline int64_t weigh_group(const Rows& task, Group* g) {
  cut_group(reinterpret_cast<float*>(nbf_shared_memory), int(task.list.nearest), kForm + 1, g);
  const int64_t row = fill_rows(task, g);
  occlude<kForm>(*g);
  __syncthreads();
  if (warp_id() == 0) add_weights<kForm>(*g);
  __syncthreads();
  return row;
}

template <int kForm>
__global__ void __launch_bounds__(kThreads) weigh_rows(
    Rows task, float* weights, float* opacity, float* depth) {
  Group g;
  const int64_t row = weigh_group<kForm>(task, &g), nearest = task.list.nearest;
  if (row < 0) return;
  if (warp_id() == 0) opacity[row] = g.opacity[lane_id()];
  for (int k = warp_id(); k < nearest; k += kWarps) {
    const int at = k * kPixels + lane_id();
    const bool seen = k < g.slots && g.kernel[at] >= 0;
    weights[row * nearest + k] = seen ? g.weight[at] * g.scale[lane_id()] : 0.f;
    depth[row * nearest + k] = seen ? g.peak[at] : HUGE_VALF;
  }
}

template <int kForm>
__global__ void __launch_bounds__(kThreads) weigh_rows_backward(
    Rows task, const float* grad_weights, const float* grad_opacity, const float* grad_depth,
    float* parts) {
  Group g;
  const int64_t row = weigh_group<kForm>(task, &g), nearest = task.list.nearest;
  for (int k = warp_id(); k < g.slots; k += kWarps) {
    const int at = k * kPixels + lane_id();
    g.grad[at] = g.kernel[at] >= 0 ? grad_weights[row * nearest + k] : 0.f;
  }
  __syncthreads();
  const auto shared = share_gradient<kForm>(g, row < 0 ? 0.f : grad_opacity[row]);
  __syncthreads();
  begin_backward<kForm>(g, shared);
  __syncthreads();
  occlude_backward<kForm>(g);
  if (row < 0) return;
  for (int k = warp_id(); k < nearest; k += kWarps) {  // the slots that it has just written
    const int at = k * kPixels + lane_id();
    const bool seen = k < g.slots && g.kernel[at] >= 0;
    float* part = parts + (row * nearest + k) * 3;
    part[0] = seen ? g.turn[at] : 0.f;
    part[1] = seen ? g.slope[at] + grad_depth[row * nearest + k] : 0.f;
    part[2] = seen ? g.grad[at] : 0.f;
  }
}

// --- from rows to kernels ---

// One thread a person.
__global__ void find_people(int64_t people, NbfVolumeRows rows, int64_t* first) {
  const int64_t person = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (person >= people) return;
  int64_t low = 0, high = rows.rows;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (rows.batch[middle] < person)
      low = middle + 1;
    else
      high = middle;
  }
  first[person] = low;
}

// One thread a row and slot.
__global__ void mark_users(int64_t kernels, NbfVolumeRows rows, Users users) {
  const int64_t at = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at >= rows.rows * rows.nearest || rows.kernels[at] < 0) return;
  const int64_t row = at / rows.nearest, person = rows.batch[row], bit = row - users.first[person];
  const int64_t kernel = person * kernels + rows.kernels[at];
  atomicOr(users.bits + kernel * users.words + bit / 32, 1u << bit % 32);
}

int find_users(
    const NbfVolumeScene& s, const NbfVolumeRows& rows, const Users& users, cudaStream_t stream) {
  const size_t bytes = size_t(s.batch * s.kernels * users.words) * sizeof(uint32_t);
  if (const int code = check(cudaMemsetAsync(users.bits, 0, bytes, stream), "clearing scratch"))
    return code;
  if (const int code = launch(find_people, blocks_for(s.batch, kThreads), kThreads, 0, stream,
                              s.batch, rows, users.first))
    return code;
  return launch(mark_users, blocks_for(rows.rows * rows.nearest, kThreads), kThreads, 0, stream,
                s.kernels, rows, users);
}

// One warp a kernel: its lanes share the words, and their sums are added in a tree.
__global__ void sum_row_shapes(
    Rows task, int64_t people, Users users, float* grad_means, float* grad_precisions) {
  const int64_t unit = int64_t(blockIdx.x) * kWarps + warp_id(), kernels = task.view.kernels;
  if (unit >= people * kernels) return;
  const int64_t person = unit / kernels, nearest = task.list.nearest;
  const auto shape = load_shape(task.means, task.precisions, unit);
  const Pinhole camera = pinhole(task.view, person);
  float sum[kEllipsoid] = {};
  for (int64_t word = lane_id(); word < users.words; word += 32) {
    for (uint32_t bits = users.bits[unit * users.words + word]; bits; bits &= bits - 1) {
      const int64_t row = users.first[person] + word * 32 + __ffs(int(bits)) - 1;
      const int64_t* ids = task.list.kernels + row * nearest;
      int64_t slot = 0;
      while (ids[slot] != unit % kernels) ++slot;
      const float* part = users.parts + (row * nearest + slot) * 3;
      const auto ray = map_ray(camera, int32_t(task.list.pixel[row]), task.view.width);
      const auto along = ray_gaussian(shape, ray);
      const auto g = ray_gaussian_backward(shape, ray, along.sharpness, along.peak, part[0],
                                           part[1], part[2]);
      const float numbers[] = {g.x, g.y, g.z, g.xx, g.xy, g.xz, g.yy, g.yz, g.zz};
#pragma unroll
      for (int c = 0; c < kEllipsoid; ++c) sum[c] += numbers[c];
    }
  }
  double total[kEllipsoid];
#pragma unroll
  for (int c = 0; c < kEllipsoid; ++c) total[c] = add_lanes(double(sum[c]), 32);
  if (lane_id() == 0)
    finish_gradient(shape, total, grad_means + 3 * unit, grad_precisions + 9 * unit);
}

// --- features ---

constexpr int kHeld = 4;  // numbers of a feature that a lane holds at a time

// One warp a row.
__global__ void composite_rows(
    int64_t kernels, NbfVolumeRows rows, const float* weights, const float* features, int64_t dim,
    float* out) {
  const int64_t row = int64_t(blockIdx.x) * kWarps + warp_id();
  if (row >= rows.rows) return;
  const float* mine = features + rows.batch[row] * kernels * dim;
  for (int64_t d = lane_id(); d < dim; d += 32 * kHeld) {
    float sum[kHeld] = {};
    for (int64_t at = row * rows.nearest; at < (row + 1) * rows.nearest; ++at) {
      if (rows.kernels[at] < 0) break;
      const float weight = weights[at], *feature = mine + rows.kernels[at] * dim;
#pragma unroll
      for (int i = 0; i < kHeld; ++i)
        if (d + 32 * i < dim) sum[i] += weight * feature[d + 32 * i];
    }
#pragma unroll
    for (int i = 0; i < kHeld; ++i)
      if (d + 32 * i < dim) out[row * dim + d + 32 * i] = sum[i];
  }
}

// One warp a row: each weight's gradient is a dot product.
__global__ void weights_backward(
    int64_t kernels, NbfVolumeRows rows, const float* features, int64_t dim, const float* grad_out,
    float* grad_weights) {
  const int64_t row = int64_t(blockIdx.x) * kWarps + warp_id();
  if (row >= rows.rows) return;
  const float *mine = features + rows.batch[row] * kernels * dim, *grad = grad_out + row * dim;
  for (int64_t at = row * rows.nearest; at < (row + 1) * rows.nearest; ++at) {
    float sum = 0;
    if (rows.kernels[at] >= 0)
      for (int64_t d = lane_id(); d < dim; d += 32)
        sum += grad[d] * mine[rows.kernels[at] * dim + d];
    sum = add_lanes(sum, 32);
    if (lane_id() == 0) grad_weights[at] = sum;
  }
}

// Weight of a kernel in a row that has it; all lanes get it.
static __device__ inline float weight_in(
    const NbfVolumeRows& rows, const float* weights, int64_t row, int64_t kernel) {
  for (int64_t first = 0; first < rows.nearest; first += 32) {
    const int64_t slot = first + lane_id();
    const bool here = slot < rows.nearest && rows.kernels[row * rows.nearest + slot] == kernel;
    const unsigned mask = __ballot_sync(0xffffffffu, here);
    if (mask) return weights[row * rows.nearest + first + __ffs(int(mask)) - 1];
  }
  return 0;
}

// One warp a kernel: its rows one after the other.
__global__ void features_backward(
    int64_t people, int64_t kernels, NbfVolumeRows rows, const float* weights, int64_t dim,
    const float* grad_out, Users users, float* grad_features) {
  const int64_t unit = int64_t(blockIdx.x) * kWarps + warp_id();
  if (unit >= people * kernels) return;
  const int64_t start = users.first[unit / kernels];
  for (int64_t first = 0; first < dim; first += 32 * kHeld) {
    const int64_t d = first + lane_id();
    float sum[kHeld] = {};
    for (int64_t word = 0; word < users.words; ++word) {
      for (uint32_t bits = users.bits[unit * users.words + word]; bits; bits &= bits - 1) {
        const int64_t row = start + word * 32 + __ffs(int(bits)) - 1;
        const float weight = weight_in(rows, weights, row, unit % kernels);
#pragma unroll
        for (int i = 0; i < kHeld; ++i)
          if (d + 32 * i < dim) sum[i] += weight * grad_out[row * dim + d + 32 * i];
      }
    }
#pragma unroll
    for (int i = 0; i < kHeld; ++i)
      if (d + 32 * i < dim) grad_features[unit * dim + d + 32 * i] = sum[i];
  }
}

unsigned groups(const NbfVolumeRows& rows) { return blocks_for(rows.rows, kPixels); }

size_t group_bytes(const NbfVolumeScene& s, const NbfVolumeRows& rows) {
  return sizeof(float) * size_t(group_floats(rows.nearest, s.form + 1));
}

}  // namespace
}  // namespace nbf

extern "C" int nbf_cuda_volume_weigh(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, float* weights, float* opacity,
    float* depth, void* stream) {
  using namespace nbf;
  if (const int code = check_scene(*scene)) return code;
  void (*const forms[])(Rows, float*, float*, float*) = {weigh_rows<0>, weigh_rows<1>,
                                                         weigh_rows<2>};
  return launch(forms[scene->form], groups(*rows), kThreads, group_bytes(*scene, *rows),
                static_cast<cudaStream_t>(stream), rows_of(*scene, *rows), weights, opacity, depth);
}

extern "C" int64_t nbf_cuda_volume_rows_scratch(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows) {
  int64_t used;
  nbf::cut_users(*scene, *rows, nullptr, &used);
  return used;
}

extern "C" int nbf_cuda_volume_weigh_backward(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, const float* grad_weights,
    const float* grad_opacity, const float* grad_depth, void* scratch, float* grad_means,
    float* grad_precisions, void* on) {
  using namespace nbf;
  if (const int code = check_scene(*scene)) return code;
  const auto stream = static_cast<cudaStream_t>(on);
  int64_t used;
  const Users users = cut_users(*scene, *rows, scratch, &used);
  const Rows task = rows_of(*scene, *rows);
  if (const int code = find_users(*scene, *rows, users, stream)) return code;
  void (*const forms[])(Rows, const float*, const float*, const float*, float*) = {
      weigh_rows_backward<0>, weigh_rows_backward<1>, weigh_rows_backward<2>};
  if (const int code =
          launch(forms[scene->form], groups(*rows), kThreads, group_bytes(*scene, *rows), stream,
                 task, grad_weights, grad_opacity, grad_depth, users.parts))
    return code;
  return launch(sum_row_shapes, blocks_for(scene->batch * scene->kernels, kWarps), kThreads, 0,
                stream, task, scene->batch, users, grad_means, grad_precisions);
}

extern "C" int nbf_cuda_volume_composite(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, const float* weights,
    const float* features, int64_t dim, float* out, void* stream) {
  using namespace nbf;
  return launch(composite_rows, blocks_for(rows->rows, kWarps), kThreads, 0,
                static_cast<cudaStream_t>(stream), scene->kernels, *rows, weights, features, dim,
                out);
}

extern "C" int nbf_cuda_volume_composite_backward(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, const float* weights,
    const float* features, int64_t dim, const float* grad_out, void* scratch, float* grad_weights,
    float* grad_features, void* on) {
  using namespace nbf;
  const auto stream = static_cast<cudaStream_t>(on);
  if (const int code = launch(weights_backward, blocks_for(rows->rows, kWarps), kThreads, 0, stream,
                              scene->kernels, *rows, features, dim, grad_out, grad_weights))
    return code;
  if (!grad_features) return kNoError;
  int64_t used;
  const Users users = cut_users(*scene, *rows, scratch, &used);
  if (const int code = find_users(*scene, *rows, users, stream)) return code;
  return launch(features_backward, blocks_for(scene->batch * scene->kernels, kWarps), kThreads, 0,
                stream, scene->batch, scene->kernels, *rows, weights, dim, grad_out, users,
                grad_features);
}
