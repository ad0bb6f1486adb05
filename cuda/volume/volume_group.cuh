// The kernels of 32 pixels, and how they hide each other: one pixel a lane, one slot a warp at a
// time. Slots are ordered by depth. The formulas are those of core/render/volume/twin.py.
//
// A block has kWarps warps. Warp w owns slots w, w + kWarps, ...; whoever owns a slot writes it,
// and sums over the others in their order, so no result depends on which warp is faster.
#pragma once
#include <cuda_runtime.h>

#include "volume_math.h"

namespace nbf {

constexpr int kPixels = 32;  // of a group: lanes of a warp
constexpr int kWarps = 8;
constexpr int kThreads = kWarps * 32;
constexpr int kEllipsoid = 9;  // numbers of an Ellipsoid

static __device__ inline int lane_id() { return threadIdx.x % 32; }
static __device__ inline int warp_id() { return threadIdx.x / 32; }

struct Pinhole {
  float focal, center_x, center_y;
};

static __device__ inline Ray<float> map_ray(const Pinhole& camera, int32_t pixel, int32_t width) {
  return pixel_ray(float(pixel % width), float(pixel / width), camera.focal, camera.center_x,
                   camera.center_y);
}

static __device__ inline Ellipsoid<float> load_shape(
    const float* means, const float* precisions, int64_t kernel) {
  const float *m = means + 3 * kernel, *p = precisions + 9 * kernel;
  return {m[0], m[1], m[2], p[0], (p[1] + p[3]) / 2, (p[2] + p[6]) / 2,
          p[4], (p[5] + p[7]) / 2, p[8]};
}

// Arrays [slots, 32] in shared memory, but for the last three, which are [32].
//
// The second half is written in turns. Forward: `passed` is the transmittance at each point times
// the point's weight, `slope` the sum of those times the derivative of the optical depth by place,
// `turn` the same times the point's distance from the peak. Between: `passed` is the gradient of
// each optical depth, `grad` that of the weight, then of the thickness. At the end `turn`, `slope`
// and `grad` are the gradients of sharpness, peak and miss.
struct Group {
  int slots;  // that any of the pixels uses
  int plane;  // distance of one point's `passed` to the next
  int32_t* kernel;
  float *peak, *reach, *thickness, *weight;  // t*, sqrt(a), e, e * share
  float *passed, *slope, *turn, *grad;
  float *opacity, *scale, *total;
};

NBF_FN int64_t group_floats(int64_t slots, int64_t points) {
  return (8 + points) * slots * kPixels + 3 * kPixels;
}

// Cuts a group's arrays out of shared memory; returns where they end.
static __device__ inline float* cut_group(float* memory, int slots, int points, Group* g) {
  const int plane = slots * kPixels;
  g->slots = slots, g->plane = plane;
  g->kernel = reinterpret_cast<int32_t*>(memory);
  g->peak = memory + plane;
  g->reach = memory + 2 * plane;
  g->thickness = memory + 3 * plane;
  g->weight = memory + 4 * plane;
  g->slope = memory + 5 * plane;
  g->turn = memory + 6 * plane;
  g->grad = memory + 7 * plane;
  g->passed = memory + 8 * plane;
  g->opacity = memory + (8 + points) * plane;
  g->scale = g->opacity + kPixels;
  g->total = g->scale + kPixels;
  return g->total + kPixels;
}

// What a kernel looks like along the lane's ray; an empty slot has no thickness.
static __device__ inline void fill_slot(
    const Group& g, int at, bool exists, const Ellipsoid<float>& shape, const Ray<float>& ray,
    float density) {
  auto along = ray_gaussian(shape, ray);
  if (!exists) along = {1, 0, 0};
  g.peak[at] = along.peak;
  g.reach[at] = root(along.sharpness);
  g.thickness[at] = exists ? density * exponential(-along.miss) : 0.f;
}

// Fills weight, passed, slope and turn.
template <int kForm>
static __device__ void occlude(const Group& g) {
  constexpr int kPoints = kForm + 1;
  const OcclusionForm form = occlusion_form(kForm);
  for (int k = warp_id(); k < g.slots; k += kWarps) {
    const int own = k * kPixels + lane_id();
    const float sigma = 1.f / g.reach[own];
    float place[kPoints], depth[kPoints], density[kPoints];
#pragma unroll
    for (int p = 0; p < kPoints; ++p)
      place[p] = g.peak[own] + form.place[p] * sigma, depth[p] = 0, density[p] = 0;
#pragma unroll 2
    for (int m = 0; m < g.slots; ++m) {
      const int at = m * kPixels + lane_id();
      const float peak = g.peak[at], reach = g.reach[at], thickness = g.thickness[at];
#pragma unroll
      for (int p = 0; p < kPoints; ++p) {
        const auto normal = standard_normal((place[p] - peak) * reach);
        depth[p] += thickness * normal.below;
        density[p] += thickness * reach * normal.density;
      }
    }
    float share = 0, slope = 0, turn = 0;
#pragma unroll
    for (int p = 0; p < kPoints; ++p) {
      const float passed = form.weight[p] * exponential(-depth[p]);
      g.passed[p * g.plane + own] = passed;
      share += passed;
      slope += passed * density[p];
      turn += passed * density[p] * form.place[p];
    }
    g.weight[own] = g.thickness[own] * share;
    g.slope[own] = slope, g.turn[own] = turn;
  }
}

// Opacity, and the factor that makes the weights add up to it. For one warp.
template <int kForm>
static __device__ void add_weights(const Group& g) {
  const bool exact = occlusion_form(kForm).exact_opacity;
  float thickness = 0, total = 0;
  for (int at = lane_id(); at < g.slots * kPixels; at += kPixels)
    thickness += g.thickness[at], total += g.weight[at];
  const float opacity = exact ? stopped(thickness) : total;
  g.opacity[lane_id()] = opacity;
  g.total[lane_id()] = total;
  g.scale[lane_id()] = exact ? opacity / (total > 1e-12f ? total : 1e-12f) : 1.f;
}

// Gradients that all weights of a pixel share.
struct SharedGradient {
  float total, thickness;
};

// From the weights' gradients in `grad` and the opacity's. Each lane gets its pixel's.
template <int kForm>
static __device__ SharedGradient share_gradient(const Group& g, float grad_opacity) {
  if (!occlusion_form(kForm).exact_opacity) return {grad_opacity, 0.f};
  const int lane = lane_id();
  float product = 0;
  for (int at = lane; at < g.slots * kPixels; at += kPixels) product += g.grad[at] * g.weight[at];
  product *= g.scale[lane];
  const float total = g.total[lane], opacity = g.opacity[lane];
  const float by_opacity = opacity > 0 ? product / opacity : 0.f;
  return {total > 1e-12f ? -product / total : 0.f, (grad_opacity + by_opacity) * (1.f - opacity)};
}

// A slot's own part of the gradients: `grad`, `slope`, `turn` become those of thickness, peak and
// reach, `passed` those of the optical depths. Run by all warps, each on its own slots.
template <int kForm>
static __device__ void begin_backward(const Group& g, SharedGradient shared) {
  for (int k = warp_id(); k < g.slots; k += kWarps) {
    const int own = k * kPixels + lane_id();
    const float by_weight = g.grad[own] * g.scale[lane_id()] + shared.total;
    const float by_share = by_weight * g.thickness[own], reach = g.reach[own];
    float share = 0;
#pragma unroll
    for (int p = 0; p <= kForm; ++p) {
      float* passed = g.passed + p * g.plane + own;
      share += *passed;
      *passed *= -by_share;
    }
    g.grad[own] = shared.thickness + by_weight * share;
    g.slope[own] *= -by_share;
    g.turn[own] *= by_share / (reach * reach);
  }
}

// Adds what each kernel does to the optical depths of the others; `turn`, `slope` and `grad` become
// the gradients of sharpness, peak and miss.
template <int kForm>
static __device__ void occlude_backward(const Group& g) {
  constexpr int kPoints = kForm + 1;
  const OcclusionForm form = occlusion_form(kForm);
  for (int m = warp_id(); m < g.slots; m += kWarps) {
    const int own = m * kPixels + lane_id();
    const float peak = g.peak[own], reach = g.reach[own], thickness = g.thickness[own];
    float by_thickness = 0, by_peak = 0, by_reach = 0;
#pragma unroll 2
    for (int k = 0; k < g.slots; ++k) {
      const int at = k * kPixels + lane_id();
      const float apart = g.peak[at] - peak, sigma = 1.f / g.reach[at];
#pragma unroll
      for (int p = 0; p < kPoints; ++p) {
        const float distance = apart + form.place[p] * sigma, grad = g.passed[p * g.plane + at];
        const auto normal = standard_normal(distance * reach);
        by_thickness += grad * normal.below;
        by_peak += grad * normal.density;
        by_reach += grad * normal.density * distance;
      }
    }
    g.turn[own] = (g.turn[own] + thickness * by_reach) / reach * 0.5f;
    g.slope[own] -= thickness * reach * by_peak;
    g.grad[own] = -thickness * (g.grad[own] + by_thickness);
  }
}

// Sum over aligned groups of lanes as many as `width`, a power of two; every lane gets it.
template <class T>
static __device__ inline T add_lanes(T value, int width) {
  for (int half = width / 2; half; half /= 2) value += __shfl_xor_sync(0xffffffffu, value, half);
  return value;
}

static __device__ inline int most_of_lanes(int value) {
  for (int half = 16; half; half /= 2) {
    const int other = __shfl_xor_sync(0xffffffffu, value, half);
    value = other > value ? other : value;
  }
  return value;
}

}  // namespace nbf
