// Random scenes through every call of the volume renderer, for builds with sanitizers.
//
//   volume_scenes FIRST COUNT   renders scenes number FIRST .. FIRST + COUNT - 1
//
// Scene i is a function of i alone. Besides what the sanitizers see, it checks what must hold of any
// scene: ids in range and rising depths, weights that add up to an opacity in [0, 1], finite results
// whatever the kernels are, the same bits with one thread and with three.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "volume/volume.h"

namespace {

using Floats = std::vector<float>;
using Ids = std::vector<int64_t>;

struct Dice {
  std::mt19937_64 engine;
  // Not std's distributions: those differ between standard libraries.
  double uniform() { return double(engine() >> 11) * 0x1p-53; }
  double normal() {
    return std::sqrt(-2 * std::log(uniform() + 1e-300)) * std::cos(6.283185307179586 * uniform());
  }
  int64_t below(int64_t n) { return int64_t(uniform() * double(n)); }
  bool chance(double p) { return uniform() < p; }
};

[[noreturn]] void fail(int64_t scene, const char* what) {
  std::fprintf(stderr, "scene %lld: %s\n", static_cast<long long>(scene), what);
  std::exit(1);
}

struct World {
  NbfVolumeScene scene{};
  NbfLikelihood likelihood{};
  Floats means, precisions, focal, center, features;
  Floats observed, inside, phi, background, orientation;
  Ids limb;
  int64_t dim;
};

float strange(Dice& dice) {
  const float values[] = {std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity(), 1e38f, -1e38f, 1e-40f, 0.f};
  return values[dice.below(7)];
}

void add_kernel(Dice& dice, double spread, double damage, World* w) {
  const double place[3] = {spread * dice.normal(), spread * dice.normal(),
                           2 + 2 * spread * dice.normal()};
  for (const double x : place) w->means.push_back(float(x));
  double axis[3], length = 1e-9;
  for (double& x : axis) x = dice.normal(), length += x * x;
  const double size = 0.03 * std::exp((dice.chance(0.1) ? 3 : 0.4) * dice.normal());
  const double flat = dice.chance(0.1) ? 1e4 * dice.uniform() : 3 * dice.uniform();
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j)
      w->precisions.push_back(
          float(((i == j) + flat * axis[i] * axis[j] / length) / (size * size)));
  if (dice.chance(damage)) w->means[w->means.size() - 1 - dice.below(3)] = strange(dice);
  if (dice.chance(damage)) w->precisions[w->precisions.size() - 1 - dice.below(9)] = strange(dice);
}

Floats normals(Dice& dice, int64_t count, double scale) {
  Floats out(count);
  for (float& x : out) x = float(scale * dice.normal());
  return out;
}

World make_world(int64_t number) {
  World w;
  Dice dice{std::mt19937_64(uint64_t(number))};
  NbfVolumeScene& s = w.scene;
  s.batch = 1 + dice.below(3);
  s.kernels = dice.chance(0.05) ? 0 : 1 + dice.below(dice.chance(0.1) ? 300 : 40);
  s.height = int32_t(1 + dice.below(30)), s.width = int32_t(1 + dice.below(30));
  s.density = float(0.1 + 3 * dice.uniform());
  s.threshold = float(std::pow(10, -1 - 5 * dice.uniform()));
  s.nearest = int32_t(1 + dice.below(dice.chance(0.2) ? 400 : 24));
  s.form = int32_t(dice.below(3));
  const double spread = std::pow(10, -3 * dice.uniform()), damage = dice.chance(0.3) ? 0.2 : 0;
  for (int64_t b = 0; b < s.batch; ++b) {
    w.focal.push_back(float(s.width * (0.5 + 3 * dice.uniform())));
    w.center.push_back(float(s.width * dice.uniform()));
    w.center.push_back(float(s.height * dice.uniform()));
    for (int64_t k = 0; k < s.kernels; ++k) add_kernel(dice, spread, damage, &w);
  }
  NbfLikelihood& l = w.likelihood;
  l.limbs = 9, l.bins = 1 + dice.below(8), l.dim = w.dim = 1 + dice.below(70);
  const int64_t pixels = s.batch * s.height * s.width;
  w.features = normals(dice, s.batch * s.kernels * w.dim, 1);
  w.observed = normals(dice, pixels * w.dim, 0.3);
  w.inside = Floats(pixels, 1.f);
  w.phi = normals(dice, s.kernels * l.bins * w.dim, 0.3);
  w.background = normals(dice, w.dim, 0.3);
  w.orientation = Floats(s.batch * l.limbs * l.bins, 1.f / float(l.bins));
  for (int64_t k = 0; k < s.kernels; ++k) w.limb.push_back(dice.below(l.limbs));
  l.variance_foreground = 0.5f, l.variance_background = float(0.1 + dice.uniform());
  l.temper = 0.04f, l.visible = 0.4f, l.background_cap = 9, l.use_occlusion = dice.chance(0.8);
  return w;
}

// Addresses are taken only now: a World may have moved before.
void connect(World* w) {
  w->scene.means = w->means.data(), w->scene.precisions = w->precisions.data();
  w->scene.focal = w->focal.data(), w->scene.center = w->center.data();
  NbfLikelihood& l = w->likelihood;
  l.observed = w->observed.data(), l.inside = w->inside.data(), l.phi = w->phi.data();
  l.background = w->background.data(), l.limb = w->limb.data();
  l.orientation = w->orientation.data();
}

// Everything that one run computes.
struct Results {
  Ids batch, pixel, kernels;
  std::vector<Floats> numbers;

  Floats* add(int64_t size) {
    numbers.emplace_back(size, std::numeric_limits<float>::quiet_NaN());
    return &numbers.back();
  }
};

Results render(const World& w, int32_t threads, int32_t isa) {
  NbfVolumeScene s = w.scene;
  s.threads = threads, s.isa = isa;
  Results r;
  r.numbers.reserve(16);
  int64_t rows = 0, nearest = 0;
  void* taken = nbf_volume_assign(&s, &rows, &nearest);
  r.batch.resize(rows), r.pixel.resize(rows), r.kernels.resize(rows * nearest);
  nbf_volume_take(taken, r.batch.data(), r.pixel.data(), r.kernels.data());
  const NbfVolumeRows ids{rows, nearest, r.batch.data(), r.pixel.data(), r.kernels.data()};
  const int64_t places = rows * nearest, all = s.batch * s.kernels;
  float* weights = r.add(places)->data();
  float* opacity = r.add(rows)->data();
  float* depth = r.add(places)->data();
  nbf_volume_weigh(&s, &ids, weights, opacity, depth);
  nbf_volume_composite(&s, &ids, weights, w.features.data(), w.dim, r.add(rows * w.dim)->data());
  const Floats ones(std::max<int64_t>({places, rows, rows * w.dim, 1}), 1.f);
  const Floats zeros(std::max<int64_t>(places, 1), 0.f);
  float* grad_weights = r.add(places)->data();
  float* grad_features = r.add(all * w.dim)->data();
  nbf_volume_composite_backward(&s, &ids, weights, w.features.data(), w.dim, ones.data(),
                                grad_weights, grad_features);
  float* grad_means = r.add(all * 3)->data();
  float* grad_precisions = r.add(all * 9)->data();
  nbf_volume_weigh_backward(&s, &ids, grad_weights, ones.data(), zeros.data(), grad_means,
                            grad_precisions);
  float* nll = r.add(s.batch)->data();
  float* by_means = r.add(all * 3)->data();
  float* by_precisions = r.add(all * 9)->data();
  float* by_orientation = r.add(s.batch * w.likelihood.limbs * w.likelihood.bins)->data();
  nbf_volume_nll(&s, &w.likelihood, nll, by_means, by_precisions, by_orientation);
  return r;
}

void check(int64_t number, const World& w, const Results& r) {
  const int64_t rows = int64_t(r.batch.size());
  const int64_t nearest = rows ? int64_t(r.kernels.size()) / rows : 0;
  const Floats &weights = r.numbers[0], &opacity = r.numbers[1], &depth = r.numbers[2];
  for (int64_t row = 0; row < rows; ++row) {
    if (r.batch[row] < 0 || r.batch[row] >= w.scene.batch) fail(number, "batch out of range");
    if (r.pixel[row] < 0 || r.pixel[row] >= int64_t(w.scene.height) * w.scene.width)
      fail(number, "pixel out of range");
    double sum = 0;
    for (int64_t j = 0; j < nearest; ++j) {
      const int64_t at = row * nearest + j, id = r.kernels[at];
      if (id < -1 || id >= w.scene.kernels || (j == 0 && id < 0)) fail(number, "no such kernel");
      if (id < 0) continue;
      sum += weights[at];
      if (!(weights[at] >= 0)) fail(number, "a weight is negative or no number");
      if (!(depth[at] > 0 && depth[at] < HUGE_VALF)) fail(number, "a depth is not ahead");
      if (j > 0 && depth[at] < depth[at - 1] * (1 - 1e-5f)) fail(number, "depths fall");
    }
    const float most = w.scene.form == 0 ? 2.f : 1.0001f;  // VoGE's weights may add up to more
    if (!(opacity[row] >= 0 && opacity[row] <= most)) fail(number, "opacity out of range");
    if (std::fabs(sum - opacity[row]) > 1e-4) fail(number, "weights do not add up");
  }
  const char* names[] = {"features", "weights' gradient", "features' gradient", "means' gradient",
                         "precisions' gradient", "likelihood", "likelihood by means",
                         "likelihood by precisions", "likelihood by orientation"};
  for (size_t i = 3; i < r.numbers.size(); ++i)
    for (const float x : r.numbers[i])
      if (!std::isfinite(x)) fail(number, names[i - 3]);
}

bool same(const Results& a, const Results& b) {
  if (a.batch != b.batch || a.pixel != b.pixel || a.kernels != b.kernels) return false;
  for (size_t i = 0; i < a.numbers.size(); ++i)
    if (!a.numbers[i].empty() && std::memcmp(a.numbers[i].data(), b.numbers[i].data(),
                                             a.numbers[i].size() * sizeof(float)))
      return false;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: volume_scenes FIRST COUNT\n"), 2;
  const int64_t first = std::atoll(argv[1]), count = std::atoll(argv[2]);
  for (int64_t number = first; number < first + count; ++number) {
    World world = make_world(number);
    connect(&world);
    const int32_t isa = int32_t(number % 4);
    const int32_t used = nbf_volume_isa(isa) ? isa : 0;
    const Results alone = render(world, 1, used);
    check(number, world, alone);
    if (!same(alone, render(world, 3, used))) fail(number, "three threads compute other bits");
  }
  std::printf("%lld scenes\n", static_cast<long long>(count));
  return 0;
}
