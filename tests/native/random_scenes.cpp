// Random scenes through every call of the CUDA volume renderer, for checkers of memory: sanitizers
// where it runs on the CPU, compute-sanitizer on a GPU. Each array is as large as it is promised to
// be, and every result must be written. The number of scenes is the argument; prints "fine".
#include <cuda_runtime.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
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

void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("%s: %s\n", what, nbf_cuda_error());
  std::exit(1);
}

// Device memory of its own, filled from the host.
template <class T>
class Array {
 public:
  explicit Array(const std::vector<T>& values) : size_(values.size()) {
    void* memory = nullptr;
    expect(cudaMalloc(&memory, size_ * sizeof(T)) == cudaSuccess, "memory");
    at = static_cast<T*>(memory);
    expect(cudaMemcpy(at, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice) == cudaSuccess,
           "copying there");
  }
  Array(int64_t count, T fill) : Array(std::vector<T>(count, fill)) {}
  Array(const Array&) = delete;
  ~Array() { cudaFree(at); }

  void expect_written(const char* what) const {
    std::vector<T> values(size_);
    expect(cudaMemcpy(values.data(), at, size_ * sizeof(T), cudaMemcpyDeviceToHost) == cudaSuccess,
           what);
    for (const T value : values) expect(value != kUnwritten, what);
  }

  T* at;

 private:
  size_t size_;
};

// Now and then a kernel is degenerate, huge, tiny, behind the camera, or not a number.
void spoil(std::vector<float>* means, std::vector<float>* precisions, int64_t kernel) {
  const float strange[] = {0, -1, 1e-9f, 1e12f, NAN, INFINITY, -1e30f};
  if (integer(0, 3) == 0) (*precisions)[9 * kernel + integer(0, 8)] = strange[integer(0, 6)];
  if (integer(0, 3) == 0) (*means)[3 * kernel + integer(0, 2)] = strange[integer(0, 6)];
}

NbfVolumeScene random_scene() {
  NbfVolumeScene s{};
  s.batch = integer(1, 3), s.kernels = integer(1, 150);
  s.height = integer(1, 25), s.width = integer(1, 25);
  s.density = uniform(0.5f, 3), s.threshold = uniform(0.001f, 0.1f);
  s.nearest = integer(1, 30), s.form = integer(0, 2), s.threads = 1;
  return s;
}

std::vector<float> random_means(const NbfVolumeScene& s) {
  const float spread = uniform(0.01f, 0.8f);
  auto means = numbers(3 * s.batch * s.kernels, -spread, spread);
  for (size_t i = 2; i < means.size(); i += 3) means[i] += 2;
  return means;
}

std::vector<float> random_precisions(const NbfVolumeScene& s, std::vector<float>* means) {
  std::vector<float> out(9 * s.batch * s.kernels, 0.f);
  const bool strange = integer(0, 1);
  for (int64_t k = 0; k < s.batch * s.kernels; ++k) {
    for (int i = 0; i < 3; ++i) out[9 * k + 4 * i] = std::pow(uniform(0.01f, 0.2f), -2.f);
    if (strange) spoil(means, &out, k);
  }
  return out;
}

void back_from_features(
    const NbfVolumeScene& s, const NbfVolumeRows& rows, const float* weights, void* scratch) {
  const int64_t dim = integer(1, 40), count = rows.rows * rows.nearest;
  const Array<float> features(numbers(s.batch * s.kernels * dim, -1, 1));
  Array<float> out(rows.rows * dim, kUnwritten), by_weight(count, kUnwritten);
  Array<float> by_feature(s.batch * s.kernels * dim, kUnwritten);
  expect(!nbf_cuda_volume_composite(&s, &rows, weights, features.at, dim, out.at, nullptr),
         "composite");
  out.expect_written("features");
  expect(!nbf_cuda_volume_composite_backward(&s, &rows, weights, features.at, dim, out.at, scratch,
                                             by_weight.at, by_feature.at, nullptr),
         "composite backward");
  by_weight.expect_written("gradient of weights");
  by_feature.expect_written("gradient of features");
}

void render(const NbfVolumeScene& s) {
  int64_t count, nearest;
  Array<char> chosen(nbf_cuda_volume_assign_scratch(&s), char(0xff));
  expect(!nbf_cuda_volume_assign(&s, chosen.at, &count, &nearest, nullptr), "assign");
  Array<int64_t> batch(count, -1), pixel(count, -1), kernels(count * nearest, -1);
  expect(!nbf_cuda_volume_take(&s, chosen.at, nearest, batch.at, pixel.at, kernels.at, nullptr),
         "take");
  const NbfVolumeRows rows{count, nearest, batch.at, pixel.at, kernels.at};
  Array<float> weights(count * nearest, kUnwritten), depth(count * nearest, 0.f);
  Array<float> opacity(count, kUnwritten);
  expect(!nbf_cuda_volume_weigh(&s, &rows, weights.at, opacity.at, depth.at, nullptr), "weigh");
  weights.expect_written("weights"), opacity.expect_written("opacity");
  Array<char> scratch(nbf_cuda_volume_rows_scratch(&s, &rows), char(0xff));
  back_from_features(s, rows, weights.at, scratch.at);
  const Array<float> by_depth(count * nearest, 0.1f);
  Array<float> by_mean(3 * s.batch * s.kernels, kUnwritten);
  Array<float> by_precision(9 * s.batch * s.kernels, kUnwritten);
  expect(!nbf_cuda_volume_weigh_backward(&s, &rows, weights.at, opacity.at, by_depth.at, scratch.at,
                                         by_mean.at, by_precision.at, nullptr),
         "weigh backward");
}

void explain(const NbfVolumeScene& s) {
  NbfLikelihood l{};
  l.limbs = integer(1, 9), l.bins = integer(1, 9), l.dim = integer(1, 70);
  const int64_t map = int64_t(s.height) * s.width;
  std::vector<int64_t> limbs(s.kernels);
  for (int64_t& limb : limbs) limb = integer(0, int(l.limbs) - 1);
  const Array<int64_t> limb(limbs);
  const Array<float> observed(numbers(s.batch * map * l.dim, -1, 1));
  const Array<float> inside(numbers(s.batch * map, 0, 1)), background(numbers(l.dim, -1, 1));
  const Array<float> phi(numbers(s.kernels * l.bins * l.dim, -1, 1));
  const Array<float> orientation(numbers(s.batch * l.limbs * l.bins, 0, 1));
  l.observed = observed.at, l.inside = inside.at, l.phi = phi.at, l.background = background.at;
  l.orientation = orientation.at, l.limb = limb.at;
  l.variance_foreground = uniform(0.1f, 1), l.variance_background = uniform(0.1f, 1);
  l.temper = uniform(0.01f, 1), l.visible = uniform(0.1f, 0.9f), l.background_cap = 9;
  l.use_occlusion = integer(0, 1);
  const Array<char> scratch(nbf_cuda_volume_nll_scratch(&s, &l), char(0xff));
  Array<float> nll(s.batch, kUnwritten), by_mean(3 * s.batch * s.kernels, kUnwritten);
  Array<float> by_precision(9 * s.batch * s.kernels, kUnwritten);
  Array<float> by_share(s.batch * l.limbs * l.bins, kUnwritten);
  const bool gradient = integer(0, 3) > 0;
  expect(!nbf_cuda_volume_nll(&s, &l, scratch.at, nll.at, gradient ? by_mean.at : nullptr,
                              gradient ? by_precision.at : nullptr,
                              gradient ? by_share.at : nullptr, nullptr),
         "nll");
  nll.expect_written("likelihood");
  if (gradient) by_share.expect_written("gradient of orientations");
}

}  // namespace

int main(int, char** arguments) {
  const char* orders[] = {"0", "1", "9"};  // of threads, where a CPU runs them
  for (int seed = 0; seed < std::atoi(arguments[1]); ++seed) {
    generator.seed(unsigned(seed));
    setenv("ON_CPU_ORDER", orders[seed % 3], 1);
    NbfVolumeScene scene = random_scene();
    auto places = random_means(scene);
    const Array<float> precisions(random_precisions(scene, &places)), means(places);
    const Array<float> focal(numbers(scene.batch, 10, 60));
    const Array<float> center(numbers(2 * scene.batch, 0, 25));
    scene.means = means.at, scene.precisions = precisions.at;
    scene.focal = focal.at, scene.center = center.at;
    render(scene);
    explain(scene);
  }
  std::puts("fine");
}
