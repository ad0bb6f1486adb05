// CPU driver of the volume renderer: tiles, threads, sums. The arithmetic is in volume_simd.h.
#include "volume.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "common/threads.h"
#include "volume_tasks.h"

namespace {

using namespace nbf;

constexpr int64_t kChunk = 512;  // rows that one sum of gradients covers

// --- the processor ---

const Arithmetic* arithmetic(int32_t isa) {
#if defined(NBF_X86_VARIANTS)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (isa == 3 || (isa == 0 && avx512)) return avx512 ? arithmetic_avx512() : nullptr;
  if (isa == 2 || (isa == 0 && avx2)) return avx2 ? arithmetic_avx2() : nullptr;
#endif
  return isa <= 1 ? arithmetic_baseline() : nullptr;
}

// --- people ---

Rendering rendering(const NbfVolumeScene& s) {
  return {s.density, -std::log(s.threshold), s.nearest, s.width, occlusion_form(s.form)};
}

Pinhole pinhole(const NbfVolumeScene& s, int64_t person) {
  return {s.focal[person], s.center[2 * person], s.center[2 * person + 1]};
}

std::vector<Ellipsoid<float>> shapes(const NbfVolumeScene& s, int64_t person) {
  std::vector<Ellipsoid<float>> out(s.kernels);
  for (int64_t k = 0; k < s.kernels; ++k) {
    const float* m = s.means + 3 * (person * s.kernels + k);
    const float* p = s.precisions + 9 * (person * s.kernels + k);
    out[k] = {m[0], m[1], m[2], p[0], (p[1] + p[3]) / 2, (p[2] + p[6]) / 2,
              p[4], (p[5] + p[7]) / 2, p[8]};
  }
  return out;
}

// The kernels of each tile of a person.
struct Binned {
  std::vector<Ellipsoid<float>> shapes;
  std::vector<Bounds> bounds;
  std::vector<int32_t> first, kernels;  // tile t has kernels[first[t] .. first[t + 1])
  Kernels view;
};

int64_t tiles_along(int64_t pixels) { return (pixels + kTile - 1) / kTile; }

template <class Visit>
void visit_tiles(const Bounds& b, int64_t columns, const Visit& visit) {
  for (int64_t y = b.y0 / kTile; y * kTile < b.y1; ++y)
    for (int64_t x = b.x0 / kTile; x * kTile < b.x1; ++x) visit(y * columns + x);
}

void bin(const NbfVolumeScene& s, int64_t person, Binned* out) {
  const Pinhole camera = pinhole(s, person);
  const int64_t columns = tiles_along(s.width), tiles = columns * tiles_along(s.height);
  const double reach = -std::log(double(s.threshold));
  out->shapes = shapes(s, person);
  out->bounds.assign(s.kernels, Bounds{});
  out->first.assign(tiles + 1, 0);
  for (int64_t k = 0; k < s.kernels; ++k) {
    Bounds b{};
    if (!screen_bounds(out->shapes[k], camera.focal, camera.center_x, camera.center_y, s.width,
                       s.height, reach, &b))
      continue;
    out->bounds[k] = b;
    visit_tiles(b, columns, [&](int64_t tile) { ++out->first[tile + 1]; });
  }
  for (int64_t t = 0; t < tiles; ++t) out->first[t + 1] += out->first[t];
  out->kernels.resize(out->first[tiles]);
  std::vector<int32_t> next(out->first.begin(), out->first.end() - 1);
  for (int64_t k = 0; k < s.kernels; ++k)
    visit_tiles(out->bounds[k], columns, [&](int64_t t) { out->kernels[next[t]++] = int32_t(k); });
  out->view = {out->shapes.data(), out->bounds.data(), camera};
}

Tile tile_of(const NbfVolumeScene& s, const Binned& person, int64_t tile) {
  const int64_t columns = tiles_along(s.width);
  const int32_t first = person.first[tile];
  return {int32_t(tile % columns) * kTile, int32_t(tile / columns) * kTile,
          person.kernels.data() + first, person.first[tile + 1] - first};
}

std::vector<Binned> bin_all(const NbfVolumeScene& s) {
  std::vector<Binned> people(s.batch);
  parallel(s.batch, s.threads, [&](int64_t b, int64_t) { bin(s, b, &people[b]); });
  return people;
}

// Memory for the lists of one tile at a time.
class ListMemory {
 public:
  TileLists* sized(int64_t count, int64_t nearest) {
    const int64_t capacity = (count + 15) / 16 * 16 + 16;
    const int64_t dense = count * kTilePixels, sparse = kTilePixels * capacity;
    if (floats_.size() < size_t(3 * dense + sparse)) floats_.resize(3 * dense + sparse);
    if (ints_.size() < size_t(kTilePixels * (nearest + 1) + sparse))
      ints_.resize(kTilePixels * (nearest + 1) + sparse);
    float* f = floats_.data();
    int32_t* i = ints_.data();
    lists_ = {i, i + kTilePixels, f, f + dense, f + 2 * dense, f + 3 * dense,
              i + kTilePixels * (nearest + 1)};
    return &lists_;
  }

 private:
  std::vector<float> floats_;
  std::vector<int32_t> ints_;
  TileLists lists_{};
};

// --- assignment ---

struct Assignment {
  int64_t pixels;                         // of a map
  std::vector<int32_t> seen;              // [batch, pixels]
  std::vector<int64_t> place;             // [batch, pixels] into its unit's list
  std::vector<std::vector<int32_t>> ids;  // [batch, tiles] kernels of the unit's pixels
  std::vector<int32_t> unit;              // [batch, pixels]
  int64_t rows, nearest;
};

void keep_lists(
    const NbfVolumeScene& s, const Tile& tile, const TileLists& lists, int64_t person,
    int64_t unit, Assignment* out) {
  for (int i = 0; i < kTilePixels; ++i) {
    if (!lists.seen[i]) continue;
    const int64_t pixel = int64_t(tile.y + i / kTile) * s.width + tile.x + i % kTile;
    const int64_t at = person * out->pixels + pixel;
    out->seen[at] = lists.seen[i];
    out->unit[at] = int32_t(unit);
    out->place[at] = int64_t(out->ids[unit].size());
    for (int j = 0; j < lists.seen[i]; ++j)
      out->ids[unit].push_back(tile.kernels[lists.places[i * s.nearest + j]]);
  }
}

// --- rows ---

// A stretch of rows that belong to one person.
struct Stretch {
  int64_t person, begin, end;
};

std::vector<Stretch> stretches(const NbfVolumeRows& rows, int64_t length) {
  std::vector<Stretch> out;
  for (int64_t begin = 0; begin < rows.rows;) {
    int64_t end = begin;
    while (end < rows.rows && end - begin < length && rows.batch[end] == rows.batch[begin]) ++end;
    out.push_back({rows.batch[begin], begin, end});
    begin = end;
  }
  return out;
}

// Runs work(stretch index, task) with shapes of all people at hand.
template <class Work>
void for_rows(
    const NbfVolumeScene& s, const NbfVolumeRows& rows, const std::vector<Stretch>& parts,
    bool with_shapes, const Work& work) {
  std::vector<std::vector<Ellipsoid<float>>> people(s.batch);
  if (with_shapes)
    parallel(s.batch, s.threads, [&](int64_t b, int64_t) { people[b] = shapes(s, b); });
  std::vector<std::vector<float>> scratch(std::max(1, s.threads));
  parallel(int64_t(parts.size()), s.threads, [&](int64_t i, int64_t thread) {
    const Stretch& part = parts[i];
    if (with_shapes) scratch[thread].resize(weigh_scratch(rows.nearest));
    const Kernels person{people[part.person].data(), nullptr, pinhole(s, part.person)};
    work(i, RowsTask{rendering(s), person, part.end - part.begin, rows.nearest,
                     rows.pixel + part.begin, rows.kernels + part.begin * rows.nearest,
                     scratch[thread].data()});
  });
}

// --- the likelihood ---

// One person's part of the fused pass, and the gradients of its tiles.
struct FusedPerson {
  FusedTask task;
  std::vector<float> emitted, shapes, orientation;
  std::vector<double> nll;
};

void prepare(
    const NbfVolumeScene& s, const NbfLikelihood& l, const std::vector<float>& background,
    const Binned& binned, int64_t person, bool gradient, FusedPerson* out) {
  const int64_t map = int64_t(s.height) * s.width, stride = int64_t(background.size());
  const int64_t tiles = int64_t(binned.first.size()) - 1;
  out->emitted.resize(s.kernels * stride);
  out->nll.assign(tiles, 0);
  if (gradient) {
    out->shapes.resize(binned.kernels.size() * kGradient);
    out->orientation.assign(tiles * l.limbs * l.bins, 0);
  }
  out->task = {rendering(s), binned.view, likelihood_form(l), s.kernels, l.bins, l.dim, stride,
               l.phi, l.limb, l.orientation + person * l.limbs * l.bins, out->emitted.data(),
               background.data(), l.observed + person * map * l.dim, l.inside + person * map};
}

// Add up a person's tiles, in order.
void sum_tiles(
    const NbfVolumeScene& s, const NbfLikelihood& l, const Binned& binned, const FusedPerson& from,
    float* nll, float* grad_means, float* grad_precisions, float* grad_orientation) {
  double total = 0;
  for (const double part : from.nll) total += part;
  *nll = float(total);
  if (!grad_orientation) return;
  std::vector<double> sums(s.kernels * kGradient, 0.0), weights(l.limbs * l.bins, 0.0);
  for (size_t i = 0; i < binned.kernels.size(); ++i)
    for (int c = 0; c < kGradient; ++c)
      sums[binned.kernels[i] * kGradient + c] += from.shapes[i * kGradient + c];
  for (size_t i = 0; i < from.orientation.size(); ++i)
    weights[i % weights.size()] += from.orientation[i];
  for (int64_t k = 0; k < s.kernels; ++k)
    finish_gradient(binned.shapes[k], sums.data() + k * kGradient, grad_means + 3 * k,
                    grad_precisions + 9 * k);
  for (size_t i = 0; i < weights.size(); ++i) grad_orientation[i] = float(weights[i]);
}

}  // namespace

extern "C" const char* nbf_volume_isa(int32_t isa) {
  const Arithmetic* found = arithmetic(isa);
  return found ? found->name : nullptr;
}

extern "C" void* nbf_volume_assign(const NbfVolumeScene* scene, int64_t* rows, int64_t* nearest) {
  const NbfVolumeScene& s = *scene;
  const Arithmetic& run = *arithmetic(s.isa);
  const Rendering how = rendering(s);
  const int64_t tiles = tiles_along(s.width) * tiles_along(s.height);
  auto out = std::make_unique<Assignment>();
  out->pixels = int64_t(s.height) * s.width;
  out->seen.assign(s.batch * out->pixels, 0);
  out->place.resize(s.batch * out->pixels);
  out->unit.resize(s.batch * out->pixels);
  out->ids.resize(s.batch * tiles);
  const std::vector<Binned> people = bin_all(s);
  std::vector<ListMemory> memory(std::max(1, s.threads));
  parallel(s.batch * tiles, s.threads, [&](int64_t unit, int64_t thread) {
    const Binned& person = people[unit / tiles];
    const Tile tile = tile_of(s, person, unit % tiles);
    if (!tile.count) return;
    TileLists* lists = memory[thread].sized(tile.count, s.nearest);
    run.list_tile(how, person.view, tile, lists);
    keep_lists(s, tile, *lists, unit / tiles, unit, out.get());
  });
  out->rows = 0, out->nearest = 1;
  for (const int32_t seen : out->seen) {
    out->rows += seen > 0;
    out->nearest = std::max<int64_t>(out->nearest, seen);
  }
  *rows = out->rows, *nearest = out->nearest;
  return out.release();
}

extern "C" void nbf_volume_take(
    void* assignment, int64_t* batch, int64_t* pixel, int64_t* kernels) {
  const std::unique_ptr<Assignment> from(static_cast<Assignment*>(assignment));
  int64_t row = 0;
  for (int64_t at = 0; at < int64_t(from->seen.size()); ++at) {
    const int32_t seen = from->seen[at];
    if (!seen) continue;
    batch[row] = at / from->pixels, pixel[row] = at % from->pixels;
    int64_t* target = kernels + row * from->nearest;
    const int32_t* ids = from->ids[from->unit[at]].data() + from->place[at];
    for (int64_t j = 0; j < from->nearest; ++j) target[j] = j < seen ? ids[j] : -1;
    ++row;
  }
}

extern "C" void nbf_volume_weigh(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, float* weights, float* opacity,
    float* depth) {
  const Arithmetic& run = *arithmetic(scene->isa);
  const auto parts = stretches(*rows, kChunk);
  for_rows(*scene, *rows, parts, true, [&](int64_t i, const RowsTask& task) {
    const int64_t row = parts[i].begin, at = row * rows->nearest;
    run.weigh(task, weights + at, opacity + row, depth + at);
  });
}

extern "C" void nbf_volume_weigh_backward(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, const float* grad_weights,
    const float* grad_opacity, const float* grad_depth, float* grad_means,
    float* grad_precisions) {
  const NbfVolumeScene& s = *scene;
  const Arithmetic& run = *arithmetic(s.isa);
  const auto parts = stretches(*rows, kChunk);
  const int64_t size = s.kernels * kGradient;
  std::vector<float> sums(parts.size() * size, 0.f);
  for_rows(s, *rows, parts, true, [&](int64_t i, const RowsTask& task) {
    const int64_t row = parts[i].begin, at = row * rows->nearest;
    run.weigh_backward(task, grad_weights + at, grad_opacity + row, grad_depth + at,
                       sums.data() + i * size);
  });
  std::vector<double> total(s.batch * size, 0.0);
  for (size_t i = 0; i < parts.size(); ++i)
    for (int64_t j = 0; j < size; ++j) total[parts[i].person * size + j] += sums[i * size + j];
  parallel(s.batch, s.threads, [&](int64_t b, int64_t) {
    const auto kernels = shapes(s, b);
    for (int64_t k = 0; k < s.kernels; ++k) {
      const int64_t at = b * s.kernels + k;
      finish_gradient(kernels[k], total.data() + at * kGradient, grad_means + 3 * at,
                      grad_precisions + 9 * at);
    }
  });
}

extern "C" void nbf_volume_composite(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, const float* weights,
    const float* features, int64_t dim, float* out) {
  const Arithmetic& run = *arithmetic(scene->isa);
  const auto parts = stretches(*rows, kChunk);
  for_rows(*scene, *rows, parts, false, [&](int64_t i, const RowsTask& task) {
    const Stretch& part = parts[i];
    run.composite(task, weights + part.begin * rows->nearest,
                  features + part.person * scene->kernels * dim, dim, out + part.begin * dim);
  });
}

extern "C" void nbf_volume_composite_backward(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, const float* weights,
    const float* features, int64_t dim, const float* grad_out, float* grad_weights,
    float* grad_features) {
  const NbfVolumeScene& s = *scene;
  const Arithmetic& run = *arithmetic(s.isa);
  if (grad_features) std::fill_n(grad_features, s.batch * s.kernels * dim, 0.f);
  const auto parts = stretches(*rows, rows->rows);  // a person's features are summed by one thread
  for_rows(s, *rows, parts, false, [&](int64_t i, const RowsTask& task) {
    const Stretch& part = parts[i];
    const int64_t at = part.begin * rows->nearest, person = part.person * s.kernels * dim;
    run.composite_backward(task, weights + at, features + person, dim, grad_out + part.begin * dim,
                           grad_weights + at, grad_features ? grad_features + person : nullptr);
  });
}

extern "C" void nbf_volume_nll(
    const NbfVolumeScene* scene, const NbfLikelihood* likelihood, float* nll, float* grad_means,
    float* grad_precisions, float* grad_orientation) {
  const NbfVolumeScene& s = *scene;
  const NbfLikelihood& l = *likelihood;
  const Arithmetic& run = *arithmetic(s.isa);
  const int64_t tiles = tiles_along(s.width) * tiles_along(s.height);
  std::vector<float> background((l.dim + 15) / 16 * 16, 0.f);
  std::copy_n(l.background, l.dim, background.begin());
  const std::vector<Binned> people = bin_all(s);
  std::vector<FusedPerson> fused(s.batch);
  parallel(s.batch, s.threads, [&](int64_t b, int64_t) {
    prepare(s, l, background, people[b], b, grad_orientation != nullptr, &fused[b]);
    run.emit(fused[b].task, fused[b].emitted.data());
  });
  std::vector<ListMemory> memory(std::max(1, s.threads));
  std::vector<std::vector<float>> scratch(memory.size());
  parallel(s.batch * tiles, s.threads, [&](int64_t unit, int64_t thread) {
    const Binned& binned = people[unit / tiles];
    FusedPerson& person = fused[unit / tiles];
    const int64_t t = unit % tiles;
    const Tile tile = tile_of(s, binned, t);
    if (!tile.count) return;
    const size_t size = fused_scratch(s.nearest, tile.count, person.task.stride);
    if (scratch[thread].size() < size) scratch[thread].resize(size);
    TileResult result{0, nullptr, nullptr};
    if (grad_orientation) {
      result.shapes = person.shapes.data() + int64_t(binned.first[t]) * kGradient;
      result.orientation = person.orientation.data() + t * l.limbs * l.bins;
    }
    run.explain_tile(person.task, tile, memory[thread].sized(tile.count, s.nearest),
                     scratch[thread].data(), &result);
    person.nll[t] = result.nll;
  });
  parallel(s.batch, s.threads, [&](int64_t b, int64_t) {
    sum_tiles(s, l, people[b], fused[b], nll + b,
              grad_means ? grad_means + b * s.kernels * 3 : nullptr,
              grad_precisions ? grad_precisions + b * s.kernels * 9 : nullptr,
              grad_orientation ? grad_orientation + b * l.limbs * l.bins : nullptr);
  });
}
