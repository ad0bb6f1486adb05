// Weights of the kernels of a group of pixels, one pixel a lane, and the way back.
#pragma once
#include "volume_tasks.h"

namespace nbf {
namespace {

// Arrays are [count, kLanes]. Where a pixel sees fewer than `count` kernels its thickness is 0.
struct Group {
  int count;
  Ray<Lanes> ray;
  float *sharpness, *peak, *reach, *thickness;  // a, t*, sqrt(a), e
  float *passed[3], *share;                     // transmittance at each point, and their mean
  float* weight;
  Lanes opacity, total;  // total: sum of the weights before they are scaled
  float *grad_weight, *grad_thickness, *grad_peak, *grad_reach;
};

float* take(float** scratch, int64_t count) {
  float* start = *scratch;
  *scratch += count;
  return start;
}

Group make_group(float* scratch, int64_t nearest) {
  Group g{};
  float** arrays[] = {&g.sharpness, &g.peak, &g.reach, &g.thickness, &g.passed[0], &g.passed[1],
                      &g.passed[2], &g.share, &g.weight, &g.grad_weight, &g.grad_thickness,
                      &g.grad_peak, &g.grad_reach};
  for (float** array : arrays) *array = take(&scratch, nearest * kLanes);
  return g;
}

// Optical depth in front of `place`.
Lanes depth_before(const Group& g, Lanes place) {
  Lanes sum = fill(place, 0);
  for (int m = 0; m < g.count; ++m) {
    const int at = m * kLanes;
    const Lanes x = (place - load(g.peak + at)) * load(g.reach + at);
    const Lanes thickness = load(g.thickness + at);
    if (any((x < kFlat) & (x > -kFlat)))
      sum += thickness * normal_below(x);
    else  // all far behind or far in front: most pairs of kernels are
      sum += select(x > 0.f, thickness, Lanes{});
  }
  return sum;
}

void occlude(const OcclusionForm& form, Group* g) {
  Lanes thickness = Lanes{}, total = Lanes{};
  for (int k = 0; k < g->count; ++k) {
    const int at = k * kLanes;
    Lanes share = Lanes{};
    for (int p = 0; p < form.points; ++p) {
      const Lanes place = load(g->peak + at) + form.place[p] / load(g->reach + at);
      const Lanes passed = exponential(-depth_before(*g, place));
      store(g->passed[p] + at, passed);
      share += form.weight[p] * passed;
    }
    const Lanes e = load(g->thickness + at);
    store(g->share + at, share);
    store(g->weight + at, e * share);
    thickness += e;
    total += e * share;
  }
  g->total = total;
  g->opacity = form.exact_opacity ? stopped(thickness) : total;
  if (!form.exact_opacity) return;
  const Lanes scale = g->opacity / select(total > 1e-12f, total, fill(total, 1e-12f));
  for (int at = 0; at < g->count * kLanes; at += kLanes)
    store(g->weight + at, load(g->weight + at) * scale);
}

// Back through one transmittance, whose exponent has the gradient `grad`.
Lanes depth_before_backward(Group* g, Lanes place, Lanes grad) {
  Lanes grad_place = Lanes{};
  for (int m = 0; m < g->count; ++m) {
    const int at = m * kLanes;
    const Lanes reach = load(g->reach + at), distance = place - load(g->peak + at);
    const Lanes x = distance * reach;
    if (!any((x < kFlat) & (x > -kFlat))) {
      store(g->grad_thickness + at,
            load(g->grad_thickness + at) + select(x > 0.f, grad, Lanes{}));
      continue;
    }
    const auto normal = standard_normal(x);
    const Lanes slope = grad * load(g->thickness + at) * normal.density;
    store(g->grad_thickness + at, load(g->grad_thickness + at) + grad * normal.below);
    store(g->grad_reach + at, load(g->grad_reach + at) + slope * distance);
    store(g->grad_peak + at, load(g->grad_peak + at) - slope * reach);
    grad_place += slope * reach;
  }
  return grad_place;
}

// From grad_weight and the opacity's gradient to grad_thickness, grad_peak (added to), grad_reach.
void occlude_backward(const OcclusionForm& form, Lanes grad_opacity, Group* g) {
  Lanes scale = fill(grad_opacity, 1), grad_total = grad_opacity, grad_sum = Lanes{};
  if (form.exact_opacity) {
    const Lanes floor = fill(scale, 1e-12f), total = select(g->total > floor, g->total, floor);
    scale = g->opacity / total;
    Lanes product = Lanes{};  // sum of gradient times weight
    for (int at = 0; at < g->count * kLanes; at += kLanes)
      product += load(g->grad_weight + at) * load(g->weight + at);
    grad_total = select(g->total > floor, -product / total, Lanes{});
    const Lanes by_opacity = select(g->opacity > 0.f, product / g->opacity, Lanes{});
    grad_sum = (grad_opacity + by_opacity) * (1.f - g->opacity);
  }
  for (int at = 0; at < g->count * kLanes; at += kLanes) {
    store(g->grad_thickness + at, grad_sum);
    store(g->grad_reach + at, Lanes{});
  }
  for (int k = 0; k < g->count; ++k) {
    const int at = k * kLanes;
    const Lanes grad = load(g->grad_weight + at) * scale + grad_total;
    const Lanes thickness = load(g->thickness + at), reach = load(g->reach + at);
    store(g->grad_thickness + at, load(g->grad_thickness + at) + grad * load(g->share + at));
    for (int p = 0; p < form.points; ++p) {
      const Lanes offset = form.place[p] / reach;
      const Lanes grad_depth = -grad * thickness * form.weight[p] * load(g->passed[p] + at);
      const Lanes grad_place = depth_before_backward(g, load(g->peak + at) + offset, grad_depth);
      store(g->grad_peak + at, load(g->grad_peak + at) + grad_place);
      store(g->grad_reach + at, load(g->grad_reach + at) - grad_place * offset / reach);
    }
  }
}

}  // namespace
}  // namespace nbf
