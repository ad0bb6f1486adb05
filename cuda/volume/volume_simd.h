// The arithmetic of volume_tasks.h for one instruction set: included by volume_<name>_cpu.cpp, which
// names it NBF_ARITHMETIC and is compiled with its flags. Lanes are pixels wherever kernels of a
// pixel meet each other, and feature dimensions wherever features are summed.
#pragma once
#include "volume_tasks.h"

namespace nbf {
namespace {

// --- lists ---

int padded(int count) { return (count + 15) / 16 * 16; }

Ray<Lanes> tile_ray(const Pinhole& camera, const Tile& tile, int first) {
  float column[kLanes], row[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    column[i] = float(tile.x + (first + i) % kTile);
    row[i] = float(tile.y + (first + i) / kTile);
  }
  return pixel_ray(load(column), load(row), camera.focal, camera.center_x, camera.center_y);
}

void evaluate_kernel(
    const Kernels& person, const Tile& tile, const Ray<Lanes>* rays, int place, TileLists* out) {
  const Ellipsoid<float>& shape = person.shapes[tile.kernels[place]];
  for (int first = 0; first < kTilePixels; first += kLanes) {
    const auto along = ray_gaussian(shape, rays[first / kLanes]);
    const int64_t at = int64_t(place) * kTilePixels + first;
    store(out->sharpness + at, along.sharpness);
    store(out->peak + at, along.peak);
    store(out->miss + at, along.miss);
  }
}

// Append a kernel to the candidates of the pixels that it reaches.
void collect_kernel(
    const Rendering& how, const Bounds& box, const Tile& tile, int place, TileLists* out) {
  const int capacity = padded(tile.count);
  const float* peak = out->peak + int64_t(place) * kTilePixels;
  const float* miss = out->miss + int64_t(place) * kTilePixels;
  const int y0 = box.y0 > tile.y ? box.y0 - tile.y : 0;
  const int y1 = box.y1 < tile.y + kTile ? box.y1 - tile.y : kTile;
  const int x0 = box.x0 > tile.x ? box.x0 - tile.x : 0;
  const int x1 = box.x1 < tile.x + kTile ? box.x1 - tile.x : kTile;
  for (int y = y0; y < y1; ++y) {
    for (int x = x0; x < x1; ++x) {
      const int i = y * kTile + x;
      const int64_t at = int64_t(i) * capacity + out->seen[i];
      out->depths[at] = peak[i];
      out->candidates[at] = place;
      out->seen[i] += (miss[i] < how.reach) & (peak[i] > 0);
    }
  }
}

// Nearest first: the rank of a candidate is the number of those before it.
void order_pixel(const Rendering& how, int capacity, int pixel, TileLists* out) {
  const int count = out->seen[pixel];
  float* depths = out->depths + int64_t(pixel) * capacity;
  const int32_t* candidates = out->candidates + int64_t(pixel) * capacity;
  int32_t* places = out->places + int64_t(pixel) * how.nearest;
  for (int first = 0; first < count; first += kLanes) {
    const Lanes mine = load(depths + first);
    float index[kLanes];
    for (int i = 0; i < kLanes; ++i) index[i] = float(first + i);
    const Lanes self = load(index);
    Lanes rank = fill(self, 0);
    for (int j = 0; j < count; ++j) {
      const Lanes other = fill(mine, depths[j]), number = fill(self, float(j));
      const Lanes equal = select(other == mine, select(number < self, fill(rank, 1), fill(rank, 0)),
                                 fill(rank, 0));
      rank += select(other < mine, fill(rank, 1), equal);
    }
    store(index, rank);
    for (int i = 0; i < kLanes && first + i < count; ++i)
      if (index[i] < float(how.nearest)) places[int(index[i])] = candidates[first + i];
  }
  if (count > how.nearest) out->seen[pixel] = how.nearest;
}

void list_tile(const Rendering& how, const Kernels& person, const Tile& tile, TileLists* out) {
  for (int i = 0; i < kTilePixels; ++i) out->seen[i] = 0;
  Ray<Lanes> rays[kTilePixels / kLanes];
  for (int i = 0; i < kTilePixels / kLanes; ++i)
    rays[i] = tile_ray(person.camera, tile, i * kLanes);
  for (int place = 0; place < tile.count; ++place) {
    evaluate_kernel(person, tile, rays, place, out);
    collect_kernel(how, person.bounds[tile.kernels[place]], tile, place, out);
  }
  for (int i = 0; i < kTilePixels; ++i) order_pixel(how, padded(tile.count), i, out);
}

// --- weights of the kernels of a group of pixels, one pixel a lane ---

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

// 1 - e^-x without cancellation for small x.
Lanes stopped(Lanes x) {
  Lanes p = x * (1.f / 720) - 1.f / 120;
  p = p * x + 1.f / 24;
  p = p * x - 1.f / 6;
  p = p * x + 0.5f;
  const Lanes small = x - x * x * p;
  return select(x < 0.25f, small, 1.f - exponential(-x));
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

// --- rows: kernels chosen before ---

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

// --- from features to the likelihood, a tile at a time ---

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

const Arithmetic* NBF_ARITHMETIC() {
  static const Arithmetic functions{NBF_ARITHMETIC_NAME, list_tile, weigh, weigh_backward,
                                    composite, composite_backward, emit, explain_tile};
  return &functions;
}

}  // namespace nbf
