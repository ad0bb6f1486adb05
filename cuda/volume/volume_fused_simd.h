// From features to the likelihood and its gradients, a tile at a time. Lanes are pixels where kernels
// of a pixel meet each other, and dimensions where features are summed.
#pragma once
#include "volume_lists_simd.h"
#include "volume_rows_simd.h"

namespace nbf {
namespace {

// Expected feature of every kernel, padded with zeros.
void emit(const FusedTask& task, float* emitted) {
  for (int64_t k = 0; k < task.kernels; ++k) {
    float* target = emitted + k * task.stride;
    for (int64_t d = 0; d < task.stride; ++d) target[d] = 0;
    const float* share = task.orientation + task.limb[k] * task.bins;
    for (int64_t o = 0; o < task.bins; ++o)
      add_scaled(target, task.phi + (k * task.bins + o) * task.dim, share[o], task.dim);
  }
}

// Pixels of a tile that see something, those that see most kernels first: neighbours in this order
// share a group.
int order_pixels(const TileLists& lists, int most, int32_t* pixels) {
  int count = 0;
  for (int seen = most; seen > 0; --seen)
    for (int i = 0; i < kTilePixels; ++i)
      if (lists.seen[i] == seen) pixels[count++] = i;
  return count;
}

struct TileGroup {
  int size;               // pixels
  const int32_t* pixels;  // of the tile
  int64_t at[kLanes];     // their places in the map
};

void fill_tile_group(
    const FusedTask& task, const TileLists& lists, const TileGroup& members, Group* g) {
  const Rendering& how = task.how;
  g->count = 0;
  for (int i = 0; i < members.size; ++i)
    if (lists.seen[members.pixels[i]] > g->count) g->count = lists.seen[members.pixels[i]];
  for (int slot = 0; slot < g->count; ++slot) {
    const int at = slot * kLanes;
    float sharpness[kLanes], peak[kLanes], miss[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      const int pixel = i < members.size ? members.pixels[i] : 0;
      const bool seen = i < members.size && slot < lists.seen[pixel];
      const int64_t from =
          seen ? int64_t(lists.places[pixel * how.nearest + slot]) * kTilePixels + pixel : 0;
      sharpness[i] = seen ? lists.sharpness[from] : 1.f;
      peak[i] = seen ? lists.peak[from] : 0.f;
      miss[i] = seen ? lists.miss[from] : HUGE_VALF;
    }
    const Lanes a = load(sharpness), q = load(miss);
    store(g->sharpness + at, a);
    store(g->reach + at, root(a));
    store(g->peak + at, load(peak));
    store(g->thickness + at,
          select(q < HUGE_VALF, how.density * exponential(-q), Lanes{}));
  }
}

struct Misfits {
  float misfit[kLanes], background[kLanes], toward[kLanes];  // toward: difference times mean
};

// Difference between the observed and the rendered mean feature of one pixel.
void compare_pixel(
    const FusedTask& task, const TileLists& lists, const Tile& tile, const TileGroup& members,
    const Group& g, int lane, float opacity, float* difference, Misfits* out) {
  const int pixel = members.pixels[lane];
  const int32_t* places = lists.places + pixel * task.how.nearest;
  const float* observed = task.observed + members.at[lane] * task.dim;
  const float inverse = 1.f / (opacity > 1e-6f ? opacity : 1e-6f);
  Lanes misfit = Lanes{}, background = Lanes{}, toward = Lanes{};
  for (int64_t d = 0; d < task.stride; d += kLanes) {
    Lanes mean = Lanes{};
    for (int slot = 0; slot < lists.seen[pixel]; ++slot) {
      const float* emitted = task.emitted + tile.kernels[places[slot]] * task.stride;
      mean += g.weight[slot * kLanes + lane] * load(emitted + d);
    }
    mean *= inverse;
    float padded_part[kLanes] = {};
    const bool whole = d + kLanes <= task.dim;
    for (int64_t i = d; !whole && i < task.dim; ++i) padded_part[i - d] = observed[i];
    const Lanes feature = load(whole ? observed + d : padded_part);
    const Lanes apart = feature - mean, far = feature - load(task.background + d);
    store(difference + d, apart);
    misfit += apart * apart;
    background += far * far;
    toward += apart * mean;
  }
  out->misfit[lane] = sum(misfit);
  out->background[lane] = sum(background);
  out->toward[lane] = sum(toward);
}

// Gradients of one pixel's weights; its share of the gradient of the emitted features is added.
void share_gradient(
    const FusedTask& task, const TileLists& lists, const Tile& tile, int pixel, int lane,
    float factor, const float* difference, Group* g, float* grad_emitted) {
  const int32_t* places = lists.places + pixel * task.how.nearest;
  for (int slot = 0; slot < g->count; ++slot) {
    float& grad = g->grad_weight[slot * kLanes + lane];
    grad = 0;
    if (slot >= lists.seen[pixel]) continue;
    const int32_t place = places[slot];
    const float* emitted = task.emitted + tile.kernels[place] * task.stride;
    grad = factor * dot(difference, emitted, task.stride);
    add_scaled(grad_emitted + place * task.stride, difference,
               factor * g->weight[slot * kLanes + lane], task.stride);
  }
}

// Spread a group's gradients over the tile's maps of (sharpness, peak, miss) gradients.
void spread_gradients(
    const FusedTask& task, const TileLists& lists, const TileGroup& members, const Group& g,
    TileGradients* out) {
  for (int slot = 0; slot < g.count; ++slot) {
    const int at = slot * kLanes;
    float sharpness[kLanes], miss[kLanes];
    store(sharpness, load(g.grad_reach + at) / load(g.reach + at) * 0.5f);
    store(miss, -load(g.thickness + at) * load(g.grad_thickness + at));
    for (int i = 0; i < members.size; ++i) {
      const int pixel = members.pixels[i];
      if (slot >= lists.seen[pixel]) continue;
      const int64_t to =
          int64_t(lists.places[pixel * task.how.nearest + slot]) * kTilePixels + pixel;
      out->sharpness[to] = sharpness[i];
      out->peak[to] = g.grad_peak[at + i];
      out->miss[to] = miss[i];
    }
  }
}

void explain_group(
    const FusedTask& task, const TileLists& lists, const Tile& tile, const TileGroup& members,
    Group* g, float* differences, TileGradients* gradients, double* nll) {
  fill_tile_group(task, lists, members, g);
  occlude(task.how.form, g);
  float opacity[kLanes], known[kLanes] = {};
  store(opacity, g->opacity);
  Misfits misfits{};
  for (int i = 0; i < members.size; ++i) {
    known[i] = task.inside[members.at[i]];
    compare_pixel(task, lists, tile, members, *g, i, opacity[i], differences + i * task.stride,
                  &misfits);
  }
  const auto evidence = pixel_evidence(
      task.form, g->opacity, load(misfits.misfit), load(misfits.background));
  float log_likelihood[kLanes], factor[kLanes];
  store(log_likelihood, evidence.log_likelihood);
  for (int i = 0; i < members.size; ++i) *nll -= double(log_likelihood[i]) * known[i];
  if (!gradients) return;

  // misfit = |f - sum w e / opacity|^2
  const Lanes floor = fill(g->opacity, 1e-6f), solid = select(g->opacity > floor, g->opacity, floor);
  const Lanes by_mean = load(known) * evidence.by_misfit * 2.f / solid;
  const Lanes by_opacity = select(g->opacity >= floor, -by_mean * load(misfits.toward), Lanes{});
  store(factor, by_mean);
  for (int i = 0; i < kLanes; ++i) {
    if (i < members.size) {
      share_gradient(task, lists, tile, members.pixels[i], i, factor[i],
                     differences + i * task.stride, g, gradients->emitted);
    } else {
      for (int slot = 0; slot < g->count; ++slot) g->grad_weight[slot * kLanes + i] = 0;
    }
  }
  for (int at = 0; at < g->count * kLanes; at += kLanes) store(g->grad_peak + at, Lanes{});
  occlude_backward(task.how.form, by_opacity - load(known) * evidence.by_opacity, g);
  spread_gradients(task, lists, members, *g, gradients);
}

// Sum the gradients of one kernel over the tile's pixels.
void gather_kernel(
    const FusedTask& task, const TileLists& lists, const Tile& tile, int place,
    const TileGradients& from, float* out) {
  const Pinhole& camera = task.person.camera;
  const Ellipsoid<float>& shape = task.person.shapes[tile.kernels[place]];
  Lanes sums[kGradient] = {};
  for (int first = 0; first < kTilePixels; first += kLanes) {
    const int64_t at = int64_t(place) * kTilePixels + first;
    const Lanes sharpness = load(from.sharpness + at), peak = load(from.peak + at);
    const Lanes miss = load(from.miss + at);
    if (!any((sharpness != 0.f) | (peak != 0.f) | (miss != 0.f))) continue;
    const auto ray = tile_ray(camera, tile, first);
    const auto g = ray_gaussian_backward(shape, ray, load(lists.sharpness + at),
                                         load(lists.peak + at), sharpness, peak, miss);
    const Lanes numbers[] = {g.x, g.y, g.z, g.xx, g.xy, g.xz, g.yy, g.yz, g.zz};
    for (int c = 0; c < kGradient; ++c) sums[c] += numbers[c];
  }
  for (int c = 0; c < kGradient; ++c) out[c] = sum(sums[c]);
}

void explain_tile(
    const FusedTask& task, const Tile& tile, TileLists* lists, float* scratch, TileResult* out) {
  list_tile(task.how, task.person, tile, lists);
  Group g = make_group(scratch, task.how.nearest);
  float* differences = scratch + weigh_scratch(task.how.nearest);
  TileGradients gradients = tile_gradients(differences + kLanes * task.stride, tile.count);
  const int64_t dense = int64_t(tile.count) * (3 * kTilePixels + task.stride);
  if (out->shapes) std::memset(gradients.sharpness, 0, dense * sizeof(float));
  int32_t pixels[kTilePixels];
  const int count = order_pixels(*lists, task.how.nearest, pixels);
  out->nll = 0;
  for (int first = 0; first < count; first += kLanes) {
    TileGroup members{count - first < kLanes ? count - first : kLanes, pixels + first, {}};
    for (int i = 0; i < members.size; ++i) {
      const int pixel = members.pixels[i];
      members.at[i] = int64_t(tile.y + pixel / kTile) * task.how.width + tile.x + pixel % kTile;
    }
    explain_group(task, *lists, tile, members, &g, differences,
                  out->shapes ? &gradients : nullptr, &out->nll);
  }
  if (!out->shapes) return;
  for (int place = 0; place < tile.count; ++place) {
    gather_kernel(task, *lists, tile, place, gradients, out->shapes + place * kGradient);
    const int64_t kernel = tile.kernels[place];
    const float* emitted = gradients.emitted + place * task.stride;
    for (int64_t o = 0; o < task.bins; ++o)
      out->orientation[task.limb[kernel] * task.bins + o] +=
          dot(emitted, task.phi + (kernel * task.bins + o) * task.dim, task.dim);
  }
}

}  // namespace
}  // namespace nbf
