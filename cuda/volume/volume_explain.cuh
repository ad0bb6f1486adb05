// One tile of a feature map, from its kernels to its likelihood and back: the parts of the kernel
// in volume_nll_cuda.cu. What the numbers mean stands in core/fit/likelihood.py.
//
// Lanes are pixels wherever kernels hide each other. Wherever features are summed, eight lanes
// share a feature vector, and a warp works on four vectors at once.
#pragma once
#include "volume_lists.cuh"
#include "volume_vector.cuh"

namespace nbf {

constexpr int kColumns = 4;                   // lanes that share a kernel's pixels
constexpr int kPlaces = kThreads / kColumns;  // kernels of a tile that are indexed at a time

struct Explain {
  View view;
  Lists lists;
  LikelihoodForm form;
  int32_t limbs, bins, dim, stride;  // stride: dimensions with padding, a multiple of kStep
  bool aligned;                      // feature vectors can be read by float4
  const float *observed, *inside, *phi, *orientation;
  const int64_t* limb;
  const float *emitted, *background;  // scratch [batch, kernels, stride], [stride]
  // Scratch, gradients and values of each tile; the last two are null where no gradient is wanted.
  double* nll;           // [batch, tiles]
  float* orientations;   // [batch, tiles, limbs * bins]
  float* shapes;         // [batch, kernels, tiles, kEllipsoid], where a tile lists the kernel
};

// A tile's arrays in shared memory: [32] but where it says otherwise. With 20 kernels a pixel and
// 64 dimensions they take 40 KB, so that a multiprocessor of 228 KB holds five blocks.
//
// The group's `kernel` holds a kernel's id in its lower half, and its place in the tile's list
// above.
struct Work {
  Group group;
  int32_t* seen;
  float *misfit, *distant, *toward;  // squared distances, and difference times mean
  float *factor, *grad_opacity;      // gradients of misfit / -2 by the mean, and of the opacity
  float *ray_x, *ray_y, *ray_z;
  float* difference;   // [32, stride] observed feature less rendered mean
  uint32_t* users;     // [kPlaces] pixels that see the kernel
  uint8_t* slot;       // [kPlaces, 32] where they have it
  uint8_t* order;      // [kWarps, 32]
  float* orientation;  // [kWarps, limbs * bins]
};

constexpr int kPixelArrays = 9;

inline size_t work_bytes(const Explain& task, int points) {
  const int64_t chosen = group_floats(task.view.nearest, points) + kPixelArrays * kPixels;
  const int64_t explained = task.stride * kPixels + kPlaces + kPlaces * kPixels / 4 +
                            kWarps * kPixels / 4 + kWarps * task.limbs * task.bins;
  // The buffer of select_nearest lies where the differences will be.
  return sizeof(float) * size_t(chosen + (explained > kBufferFloats ? explained : kBufferFloats));
}

static __device__ inline Work cut_work(const Explain& task, float* memory, int points) {
  Work w;
  float* at = cut_group(memory, task.view.nearest, points, &w.group);
  float** arrays[] = {&w.misfit, &w.distant, &w.toward, &w.factor, &w.grad_opacity,
                      &w.ray_x, &w.ray_y, &w.ray_z};
#pragma unroll
  for (float** array : arrays) *array = at, at += kPixels;
  w.seen = reinterpret_cast<int32_t*>(at), at += kPixels;
  w.difference = at, at += task.stride * kPixels;
  w.users = reinterpret_cast<uint32_t*>(at), at += kPlaces;
  w.slot = reinterpret_cast<uint8_t*>(at), at += kPlaces * kPixels / 4;
  w.order = reinterpret_cast<uint8_t*>(at), at += kWarps * kPixels / 4;
  w.orientation = at;
  return w;
}

static __device__ inline int32_t kernel_of(int32_t choice) { return choice & 0xffff; }
static __device__ inline int32_t place_of(int32_t choice) {
  return int32_t(uint32_t(choice) >> 16);
}

// Chooses the kernels of every pixel and fills the group.
static __device__ inline void choose_kernels(const Explain& task, const Tile& tile, Work* w) {
  Group& g = w->group;
  const int lane = lane_id();
  const auto ray = tile_ray(task.view, tile);
  select_nearest(task.view, tile, ray, w->difference, g.peak, g.kernel, w->seen);
  const int seen = w->seen[lane];  // none beyond the map: bounds end there
  g.slots = most_of_lanes(seen);
  for (int k = warp_id(); k < g.slots; k += kWarps) {
    const int at = k * kPixels + lane;
    const int32_t place = k < seen ? g.kernel[at] : 0;
    const int32_t kernel = tile.kernels[place];
    g.kernel[at] = int32_t(uint32_t(place) << 16 | uint32_t(kernel));
    fill_slot(g, at, k < seen, tile.drawn[kernel].shape, ray, task.view.density);
  }
  if (warp_id() == 0) w->ray_x[lane] = ray.x, w->ray_y[lane] = ray.y, w->ray_z[lane] = ray.z;
  __syncthreads();
}

// Where the map has the tile's pixel.
static __device__ inline int64_t map_index(const Explain& task, const Tile& tile, int pixel) {
  const int64_t row = tile.y + pixel / kTileWidth, column = tile.x + pixel % kTileWidth;
  return (int64_t(tile.person) * task.view.height + row) * task.view.width + column;
}

// Difference between the observed feature and the rendered mean of every pixel.
static __device__ inline void compare_pixels(const Explain& task, const Tile& tile, const Work& w) {
  const Group& g = w.group;
  const int part = threadIdx.x % kShare;
  const float* emitted = task.emitted + tile.person * task.view.kernels * task.stride;
  for (int pixel = threadIdx.x / kShare; pixel < kPixels; pixel += kVectors) {
    const int seen = w.seen[pixel];
    const float opacity = g.opacity[pixel];
    const float factor = g.scale[pixel] / (opacity > 1e-6f ? opacity : 1e-6f);
    const float* observed = task.observed + (seen ? map_index(task, tile, pixel) * task.dim : 0);
    float misfit = 0, distant = 0, toward = 0;
    for (int d = 4 * part; d < task.stride; d += kStep) {
      Share sum{};
#pragma unroll 4
      for (int k = 0; k < seen; ++k) {
        const int at = k * kPixels + pixel;
        const int64_t kernel = kernel_of(g.kernel[at]);
        add_scaled(&sum, g.weight[at], load_share(emitted + kernel * task.stride + d));
      }
      const Share mean = scaled(factor, sum);
      const Share feature = load_share(observed, d, task.dim, task.aligned);
      const Share apart = less(feature, mean), far = less(feature, load_share(task.background + d));
      store_share(w.difference + pixel * task.stride + d, apart);
      misfit += dot_share(apart, apart), distant += dot_share(far, far);
      toward += dot_share(apart, mean);
    }
    misfit = add_lanes(misfit, kShare), distant = add_lanes(distant, kShare);
    toward = add_lanes(toward, kShare);
    if (part == 0) w.misfit[pixel] = misfit, w.distant[pixel] = distant, w.toward[pixel] = toward;
  }
}

// The tile's negative log-likelihood, and what each pixel's gradients start from: one warp.
static __device__ inline double weigh_evidence(
    const Explain& task, const Tile& tile, const Work& w) {
  const int lane = lane_id();
  const bool reached = w.seen[lane] > 0;
  const float opacity = w.group.opacity[lane];
  const float known = reached ? task.inside[map_index(task, tile, lane)] : 0.f;
  const auto evidence = pixel_evidence(task.form, opacity, w.misfit[lane], w.distant[lane]);
  // misfit = |f - sum w e / opacity|^2
  const float by_mean = known * evidence.by_misfit * 2.f / (opacity > 1e-6f ? opacity : 1e-6f);
  const float by_opacity = opacity >= 1e-6f ? -by_mean * w.toward[lane] : 0.f;
  w.factor[lane] = reached ? by_mean : 0.f;
  w.grad_opacity[lane] = reached ? by_opacity - known * evidence.by_opacity : 0.f;
  return add_lanes(reached ? -double(evidence.log_likelihood) * known : 0.0, 32);
}

// Which pixels see which of the tile's kernels [first, first + kPlaces), and in which slot. Waits
// for all that the block has done before.
static __device__ inline void index_places(const Work& w, int first) {
  __syncthreads();
  if (threadIdx.x < kPlaces) w.users[threadIdx.x] = 0;
  __syncthreads();
  for (int k = warp_id(); k < w.group.slots; k += kWarps) {
    if (k >= w.seen[lane_id()]) continue;
    const int c = place_of(w.group.kernel[k * kPixels + lane_id()]) - first;
    if (c < 0 || c >= kPlaces) continue;
    w.slot[c * kPixels + lane_id()] = uint8_t(k);
    atomicOr(w.users + c, 1u << lane_id());  // bits: their order is no matter
  }
  __syncthreads();
}

// The gradients of one kernel's weights, and its feature's share of the orientations': one warp.
// Its four groups of lanes take a pixel each, then an orientation each.
static __device__ inline void kernel_features_backward(
    const Explain& task, const Tile& tile, const Work& w, int c, int32_t kernel) {
  const int lane = lane_id(), part = lane % kShare, group = lane / kShare;
  const uint32_t users = w.users[c];
  uint8_t* order = w.order + warp_id() * kPixels;
  if (users >> lane & 1) order[__popc(users & ((1u << lane) - 1))] = uint8_t(lane);
  __syncwarp();
  const int count = __popc(users);
  const float* emitted = task.emitted + (tile.person * task.view.kernels + kernel) * task.stride;
  float* orientation = w.orientation + (warp_id() * task.limbs + task.limb[kernel]) * task.bins;
  for (int d = 4 * part; d < task.stride; d += kStep) {
    const Share feature = load_share(emitted + d);
    Share sum{};
#pragma unroll 1
    for (int i = group; i - group < count; i += 4) {
      const int pixel = order[i < count ? i : count - 1];
      const int at = w.slot[c * kPixels + pixel] * kPixels + pixel;
      const float factor = i < count ? w.factor[pixel] : 0.f;
      const Share apart = load_share(w.difference + pixel * task.stride + d);
      const float along = factor * add_lanes(dot_share(feature, apart), kShare);
      if (part == 0 && i < count) w.group.grad[at] = d < kStep ? along : w.group.grad[at] + along;
      add_scaled(&sum, factor * w.group.weight[at] * w.group.scale[pixel], apart);
    }
    add_groups(&sum);
#pragma unroll 1
    for (int o = group; o - group < task.bins; o += 4) {
      const float* phi = task.phi + (int64_t(kernel) * task.bins + o) * task.dim;
      const Share mean = load_share(phi, d, o < task.bins ? task.dim : 0, task.aligned);
      const float by_share = add_lanes(dot_share(sum, mean), kShare);
      if (part == 0 && o < task.bins) orientation[o] += by_share;
    }
  }
  __syncwarp();
}

// From the pixels' factors to the gradients of weights and of orientation weights.
static __device__ inline void features_backward(
    const Explain& task, const Tile& tile, const Work& w) {
  const int numbers = task.limbs * task.bins;
  for (int i = threadIdx.x; i < kWarps * numbers; i += kThreads) w.orientation[i] = 0;
  for (int at = threadIdx.x; at < w.group.slots * kPixels; at += kThreads) w.group.grad[at] = 0;
  for (int first = 0; first < tile.count; first += kPlaces) {
    index_places(w, first);
    for (int c = warp_id(); c < kPlaces && first + c < tile.count; c += kWarps)
      if (w.users[c]) kernel_features_backward(task, tile, w, c, tile.kernels[first + c]);
  }
  __syncthreads();
  for (int i = threadIdx.x; i < numbers; i += kThreads) {
    float sum = 0;
    for (int warp = 0; warp < kWarps; ++warp) sum += w.orientation[warp * numbers + i];
    task.orientations[int64_t(tile.unit) * numbers + i] = sum;
  }
}

static __device__ inline void add(
    EllipsoidGradient<float>* sum, const EllipsoidGradient<float>& g) {
  sum->x += g.x, sum->y += g.y, sum->z += g.z, sum->xx += g.xx, sum->xy += g.xy, sum->xz += g.xz;
  sum->yy += g.yy, sum->yz += g.yz, sum->zz += g.zz;
}

// Gradient of one of the tile's kernels [first, first + kPlaces) over the pixels of some columns.
static __device__ inline EllipsoidGradient<float> sum_columns(
    const Work& w, const Ellipsoid<float>& shape, int c, uint32_t users) {
  const Group& g = w.group;
  EllipsoidGradient<float> sum{};
  for (; users; users &= users - 1) {
    const int pixel = __ffs(int(users)) - 1, at = w.slot[c * kPixels + pixel] * kPixels + pixel;
    const Ray<float> ray{w.ray_x[pixel], w.ray_y[pixel], w.ray_z[pixel]};
    add(&sum, ray_gaussian_backward(shape, ray, g.reach[at] * g.reach[at], g.peak[at], g.turn[at],
                                    g.slope[at], g.grad[at]));
  }
  return sum;
}

// Sums the gradients of each of the tile's kernels over its pixels: kColumns lanes a kernel, each
// every kColumns-th column.
static __device__ inline void gather_shapes(const Explain& task, const Tile& tile, const Work& w) {
  const int part = threadIdx.x % kColumns, c = threadIdx.x / kColumns;
  for (int first = 0; first < tile.count; first += kPlaces) {
    if (tile.count > kPlaces) index_places(w, first);  // else they are indexed already
    const bool listed = first + c < tile.count;
    const int32_t kernel = tile.kernels[listed ? first + c : 0];
    const uint32_t users = listed ? w.users[c] & (0x11111111u << part) : 0;
    const auto g = sum_columns(w, tile.drawn[kernel].shape, c, users);
    const float numbers[] = {g.x, g.y, g.z, g.xx, g.xy, g.xz, g.yy, g.yz, g.zz};
    const int64_t row = tile.person * task.view.kernels + kernel;
    float* out = task.shapes + (row * task.lists.tiles + tile.index) * kEllipsoid;
#pragma unroll
    for (int i = 0; i < kEllipsoid; ++i) {
      const float sum = add_lanes(numbers[i], kColumns);
      if (listed && part == i % kColumns) out[i] = sum;
    }
  }
}

}  // namespace nbf
