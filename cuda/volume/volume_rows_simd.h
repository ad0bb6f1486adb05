// Rows of pixels whose kernels were chosen before: weights, and sums of features.
#pragma once
#include "volume_weights_simd.h"

namespace nbf {
namespace {

int64_t lane_row(const RowsTask& task, int64_t first, int lane) {
  const int64_t row = first + lane;
  return row < task.rows ? row : -1;
}

Ray<Lanes> row_rays(const RowsTask& task, int64_t first) {
  float column[kLanes], row[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    const int64_t at = lane_row(task, first, i), pixel = at < 0 ? 0 : task.pixel[at];
    column[i] = float(pixel % task.how.width), row[i] = float(pixel / task.how.width);
  }
  const Pinhole& c = task.person.camera;
  return pixel_ray(load(column), load(row), c.focal, c.center_x, c.center_y);
}

// The kernels in slot `slot` of the group's rows; where there is none, something harmless.
Ellipsoid<Lanes> gather(const RowsTask& task, int64_t first, int64_t slot, Lanes* exists) {
  const Ellipsoid<float> harmless{0, 0, 1, 1, 0, 0, 1, 0, 1};
  float lanes[kGradient][kLanes], found[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    const int64_t row = lane_row(task, first, i);
    const int64_t id = row < 0 ? -1 : task.kernels[row * task.nearest + slot];
    found[i] = id >= 0;
    const Ellipsoid<float>& k = id < 0 ? harmless : task.person.shapes[id];
    const float numbers[] = {k.x, k.y, k.z, k.xx, k.xy, k.xz, k.yy, k.yz, k.zz};
    for (int c = 0; c < kGradient; ++c) lanes[c][i] = numbers[c];
  }
  *exists = load(found);
  return {load(lanes[0]), load(lanes[1]), load(lanes[2]), load(lanes[3]), load(lanes[4]),
          load(lanes[5]), load(lanes[6]), load(lanes[7]), load(lanes[8])};
}

void fill_group(const RowsTask& task, int64_t first, Group* g) {
  g->ray = row_rays(task, first);
  g->count = 0;
  for (int i = 0; i < kLanes; ++i) {
    const int64_t row = lane_row(task, first, i);
    while (row >= 0 && g->count < task.nearest &&
           task.kernels[row * task.nearest + g->count] >= 0)
      ++g->count;
  }
  for (int slot = 0; slot < g->count; ++slot) {
    const int at = slot * kLanes;
    Lanes exists;
    const auto along = ray_gaussian(gather(task, first, slot, &exists), g->ray);
    store(g->sharpness + at, along.sharpness);
    store(g->reach + at, root(along.sharpness));
    store(g->peak + at, along.peak);
    store(g->thickness + at, exists * task.how.density * exponential(-along.miss));
  }
}

void weigh(const RowsTask& task, float* weights, float* opacity, float* depth) {
  Group g = make_group(task.scratch, task.nearest);
  for (int64_t first = 0; first < task.rows; first += kLanes) {
    fill_group(task, first, &g);
    occlude(task.how.form, &g);
    float stops[kLanes];
    store(stops, g.opacity);
    for (int i = 0; i < kLanes && first + i < task.rows; ++i) {
      opacity[first + i] = stops[i];
      const int64_t row = (first + i) * task.nearest;
      for (int64_t slot = 0; slot < task.nearest; ++slot) {
        const bool seen = task.kernels[row + slot] >= 0;
        weights[row + slot] = seen ? g.weight[slot * kLanes + i] : 0.f;
        depth[row + slot] = seen ? g.peak[slot * kLanes + i] : HUGE_VALF;
      }
    }
  }
}

// Gradients of the kernels in one slot, added lane by lane: the order never changes.
void scatter(
    const EllipsoidGradient<Lanes>& g, const int64_t* targets, float* gradients) {
  float lanes[kGradient][kLanes];
  const Lanes numbers[] = {g.x, g.y, g.z, g.xx, g.xy, g.xz, g.yy, g.yz, g.zz};
  for (int c = 0; c < kGradient; ++c) store(lanes[c], numbers[c]);
  for (int i = 0; i < kLanes; ++i) {
    if (targets[i] < 0) continue;
    float* sum = gradients + targets[i] * kGradient;
    for (int c = 0; c < kGradient; ++c) sum[c] += lanes[c][i];
  }
}

void load_row_gradients(
    const RowsTask& task, int64_t first, const float* grad_weights, const float* grad_depth,
    Group* g) {
  for (int slot = 0; slot < g->count; ++slot) {
    for (int i = 0; i < kLanes; ++i) {
      const int64_t row = lane_row(task, first, i), at = row * task.nearest + slot;
      const bool seen = row >= 0 && task.kernels[at] >= 0;
      g->grad_weight[slot * kLanes + i] = seen ? grad_weights[at] : 0.f;
      g->grad_peak[slot * kLanes + i] = seen ? grad_depth[at] : 0.f;
    }
  }
}

void weigh_backward(
    const RowsTask& task, const float* grad_weights, const float* grad_opacity,
    const float* grad_depth, float* gradients) {
  Group g = make_group(task.scratch, task.nearest);
  for (int64_t first = 0; first < task.rows; first += kLanes) {
    fill_group(task, first, &g);
    occlude(task.how.form, &g);
    load_row_gradients(task, first, grad_weights, grad_depth, &g);
    float grad[kLanes];
    for (int i = 0; i < kLanes; ++i)
      grad[i] = first + i < task.rows ? grad_opacity[first + i] : 0.f;
    occlude_backward(task.how.form, load(grad), &g);
    for (int slot = 0; slot < g.count; ++slot) {
      const int at = slot * kLanes;
      int64_t targets[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        const int64_t row = lane_row(task, first, i);
        targets[i] = row < 0 ? -1 : task.kernels[row * task.nearest + slot];
      }
      Lanes exists;
      const auto kernel = gather(task, first, slot, &exists);
      const Lanes grad_sharpness = load(g.grad_reach + at) / load(g.reach + at) * 0.5f;
      const Lanes grad_miss = -load(g.thickness + at) * load(g.grad_thickness + at);
      scatter(ray_gaussian_backward(kernel, g.ray, load(g.sharpness + at), load(g.peak + at),
                                    grad_sharpness, load(g.grad_peak + at), grad_miss),
              targets, gradients);
    }
  }
}

// --- features ---

void add_scaled(float* sum, const float* vector, float factor, int64_t dim) {
  int64_t d = 0;
  for (; d + kLanes <= dim; d += kLanes)
    store(sum + d, load(sum + d) + factor * load(vector + d));
  for (; d < dim; ++d) sum[d] += factor * vector[d];
}

float dot(const float* a, const float* b, int64_t dim) {
  Lanes total = Lanes{};
  int64_t d = 0;
  for (; d + kLanes <= dim; d += kLanes) total += load(a + d) * load(b + d);
  float rest = 0;
  for (; d < dim; ++d) rest += a[d] * b[d];
  return sum(total) + rest;
}

void composite(
    const RowsTask& task, const float* weights, const float* features, int64_t dim, float* out) {
  for (int64_t row = 0; row < task.rows; ++row) {
    float* target = out + row * dim;
    for (int64_t d = 0; d < dim; ++d) target[d] = 0;
    for (int64_t slot = 0; slot < task.nearest; ++slot) {
      const int64_t at = row * task.nearest + slot, kernel = task.kernels[at];
      if (kernel < 0) break;
      add_scaled(target, features + kernel * dim, weights[at], dim);
    }
  }
}

void composite_backward(
    const RowsTask& task, const float* weights, const float* features, int64_t dim,
    const float* grad_out, float* grad_weights, float* grad_features) {
  for (int64_t row = 0; row < task.rows; ++row) {
    const float* grad = grad_out + row * dim;
    for (int64_t slot = 0; slot < task.nearest; ++slot) {
      const int64_t at = row * task.nearest + slot, kernel = task.kernels[at];
      grad_weights[at] = kernel < 0 ? 0 : dot(grad, features + kernel * dim, dim);
      if (kernel >= 0 && grad_features)
        add_scaled(grad_features + kernel * dim, grad, weights[at], dim);
    }
  }
}

}  // namespace
}  // namespace nbf
