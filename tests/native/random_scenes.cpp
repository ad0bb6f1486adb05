// Random scenes through every call of the CUDA volume renderer, for sanitizers: each array is as
// large as it is promised to be, and every result must be written. A number of scenes is the
// argument; prints "fine" at the end.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "volume/volume_cuda.h"

namespace {

std::mt19937 generator;
const float kUnwritten = std::numeric_limits<float>::infinity();

float uniform(float low, float high) {
  return std::uniform_real_distribution<float>(low, high)(generator);
}
int integer(int low, int high) { return std::uniform_int_distribution<int>(low, high)(generator); }

std::vector<float> numbers(int64_t count, float low, float high) {
  std::vector<float> out(count);
  for (float& x : out) x = uniform(low, high);
  return out;
}

std::vector<float> to_write(int64_t count) { return std::vector<float>(count, kUnwritten); }

void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("%s: %s\n", what, nbf_cuda_error());
  std::exit(1);
}

void expect_written(const std::vector<float>& values, const char* what) {
  for (const float value : values) expect(value != kUnwritten, what);
}

// Now and then a kernel is degenerate, huge, tiny, behind the camera, or not a number.
void spoil(std::vector<float>* means, std::vector<float>* precisions, int64_t kernel) {
  const float strange[] = {0, -1, 1e-9f, 1e12f, NAN, INFINITY, -1e30f};
  if (integer(0, 3) == 0) (*precisions)[9 * kernel + integer(0, 8)] = strange[integer(0, 6)];
  if (integer(0, 3) == 0) (*means)[3 * kernel + integer(0, 2)] = strange[integer(0, 6)];
}

struct World {
  NbfVolumeScene scene{};
  std::vector<float> means, precisions, focal, center;

  World() {
    scene.batch = integer(1, 3), scene.kernels = integer(1, 150);
    scene.height = integer(1, 25), scene.width = integer(1, 25);
    const float spread = uniform(0.01f, 0.8f);
    const int64_t count = scene.batch * scene.kernels;
    means = numbers(3 * count, -spread, spread);
    precisions.assign(9 * count, 0.f);
    const bool strange = integer(0, 1);
    for (int64_t k = 0; k < count; ++k) {
      means[3 * k + 2] += 2;
      for (int i = 0; i < 3; ++i)
        precisions[9 * k + 4 * i] = std::pow(uniform(0.01f, 0.2f), -2.f);
      if (strange) spoil(&means, &precisions, k);
    }
    focal = numbers(scene.batch, 10, 60), center = numbers(2 * scene.batch, 0, 25);
    scene.means = means.data(), scene.precisions = precisions.data();
    scene.focal = focal.data(), scene.center = center.data();
    scene.density = uniform(0.5f, 3), scene.threshold = uniform(0.001f, 0.1f);
    scene.nearest = integer(1, 30), scene.form = integer(0, 2), scene.threads = 1;
  }
};

void render(const NbfVolumeScene& s) {
  int64_t count, nearest;
  std::vector<char> scratch(nbf_cuda_volume_assign_scratch(&s));
  expect(!nbf_cuda_volume_assign(&s, scratch.data(), &count, &nearest, nullptr), "assign");
  std::vector<int64_t> batch(count), pixel(count), kernels(count * nearest);
  expect(!nbf_cuda_volume_take(&s, scratch.data(), nearest, batch.data(), pixel.data(),
                               kernels.data(), nullptr), "take");
  const NbfVolumeRows rows{count, nearest, batch.data(), pixel.data(), kernels.data()};
  auto weights = to_write(count * nearest), opacity = to_write(count), depth = weights;
  expect(!nbf_cuda_volume_weigh(&s, &rows, weights.data(), opacity.data(), depth.data(), nullptr),
         "weigh");
  expect_written(weights, "weights"), expect_written(opacity, "opacity");
  const int64_t dim = integer(1, 40);
  const auto features = numbers(s.batch * s.kernels * dim, -1, 1);
  auto out = to_write(count * dim), by_weight = weights, by_feature = to_write(features.size());
  expect(!nbf_cuda_volume_composite(&s, &rows, weights.data(), features.data(), dim, out.data(),
                                    nullptr), "composite");
  expect_written(out, "features");
  std::vector<char> lent(nbf_cuda_volume_rows_scratch(&s, &rows));
  expect(!nbf_cuda_volume_composite_backward(&s, &rows, weights.data(), features.data(), dim,
                                             out.data(), lent.data(), by_weight.data(),
                                             by_feature.data(), nullptr), "composite backward");
  expect_written(by_feature, "gradient of features");
  const std::vector<float> by_depth(count * nearest, 0.1f);
  auto by_mean = to_write(s.batch * s.kernels * 3), by_precision = to_write(by_mean.size() * 3);
  expect(!nbf_cuda_volume_weigh_backward(&s, &rows, by_weight.data(), opacity.data(),
                                         by_depth.data(), lent.data(), by_mean.data(),
                                         by_precision.data(), nullptr), "weigh backward");
}

void explain(const NbfVolumeScene& s) {
  NbfLikelihood l{};
  l.limbs = integer(1, 9), l.bins = integer(1, 9), l.dim = integer(1, 70);
  const int64_t map = int64_t(s.height) * s.width;
  const auto observed = numbers(s.batch * map * l.dim, -1, 1), inside = numbers(s.batch * map, 0, 1);
  const auto phi = numbers(s.kernels * l.bins * l.dim, -1, 1), background = numbers(l.dim, -1, 1);
  const auto orientation = numbers(s.batch * l.limbs * l.bins, 0, 1);
  std::vector<int64_t> limb(s.kernels);
  for (int64_t& of : limb) of = integer(0, int(l.limbs) - 1);
  l.observed = observed.data(), l.inside = inside.data(), l.phi = phi.data();
  l.background = background.data(), l.orientation = orientation.data(), l.limb = limb.data();
  l.variance_foreground = uniform(0.1f, 1), l.variance_background = uniform(0.1f, 1);
  l.temper = uniform(0.01f, 1), l.visible = uniform(0.1f, 0.9f), l.background_cap = 9;
  l.use_occlusion = integer(0, 1);
  std::vector<char> scratch(nbf_cuda_volume_nll_scratch(&s, &l), char(0xff));
  auto nll = to_write(s.batch), by_mean = to_write(s.batch * s.kernels * 3);
  auto by_precision = to_write(by_mean.size() * 3), by_share = to_write(orientation.size());
  const bool gradient = integer(0, 3) > 0;
  expect(!nbf_cuda_volume_nll(&s, &l, scratch.data(), nll.data(),
                              gradient ? by_mean.data() : nullptr,
                              gradient ? by_precision.data() : nullptr,
                              gradient ? by_share.data() : nullptr, nullptr), "nll");
  expect_written(nll, "likelihood");
  if (gradient) expect_written(by_share, "gradient of orientations");
}

}  // namespace

int main(int, char** arguments) {
  const int scenes = std::atoi(arguments[1]);
  for (int seed = 0; seed < scenes; ++seed) {
    generator.seed(unsigned(seed));
    setenv("ON_CPU_ORDER", seed % 3 ? (seed % 3 == 1 ? "1" : "9") : "0", 1);
    const World world;
    render(world.scene);
    explain(world.scene);
  }
  std::puts("fine");
}
