// The likelihood and its gradients, one block a tile: see volume_cuda.h and volume_explain.cuh.
#include "volume_cuda.h"
#include "volume_explain.cuh"

namespace nbf {
namespace {

// Expected feature of every kernel, and the background's, padded with zeros: one thread four
// dimensions.
__global__ void emit_features(
    Explain task, uint32_t vectors, const float* background, float* emitted, float* padded) {
  const uint32_t at = blockIdx.x * blockDim.x + threadIdx.x, parts = task.stride / 4;
  const uint32_t row = at / parts;
  const int d = int(at % parts) * 4;
  if (row > vectors) return;
  float4 sum = make_float4(0, 0, 0, 0);
  if (row == vectors) {
    *reinterpret_cast<float4*>(padded + d) = load4(background, d, task.dim, false);
    return;
  }
  const uint32_t kernels = uint32_t(task.view.kernels), kernel = row % kernels;
  const uint32_t person = row / kernels;
  const int64_t limb = int64_t(person) * task.limbs + task.limb[kernel];
  const float* share = task.orientation + limb * task.bins;
  for (int o = 0; o < task.bins; ++o)
    add_scaled(&sum, share[o],
               load4(task.phi + (int64_t(kernel) * task.bins + o) * task.dim, d, task.dim,
                     task.aligned));
  *reinterpret_cast<float4*>(emitted + int64_t(row) * task.stride + d) = sum;
}

// Blocks of a multiprocessor that registers are shared out to: about as many as its shared memory
// holds with 20 kernels a pixel and 64 dimensions.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
constexpr int kBlocks = 4;
#else
constexpr int kBlocks = 2;
#endif

// One block a tile.
template <int kForm>
__global__ void __launch_bounds__(kThreads, kBlocks) explain_tiles(Explain task) {
  const int32_t unit = tile_in_turn(task.lists, blockIdx.x, gridDim.x);
  if (unit < 0) return;
  const Tile tile = tile_of(task.view, task.lists, unit);
  Work w = cut_work(task, reinterpret_cast<float*>(nbf_shared_memory), kForm + 1);
  const Group& g = w.group;
  choose_kernels(task, tile, &w);
  occlude<kForm>(g);
  __syncthreads();
  if (warp_id() == 0) add_weights<kForm>(g);
  __syncthreads();
  compare_pixels(task, tile, w);
  __syncthreads();
  if (warp_id() == 0) {
    const double nll = weigh_evidence(task, tile, w);
    if (lane_id() == 0) task.nll[unit] = nll;
  }
  if (!task.shapes) return;
  features_backward(task, tile, w);
  const SharedGradient shared = share_gradient<kForm>(g, w.grad_opacity[lane_id()]);
  __syncthreads();
  begin_backward<kForm>(g, shared);
  __syncthreads();
  occlude_backward<kForm>(g);
  __syncthreads();
  gather_shapes(task, tile, w);
}

// One thread a kernel: adds up its tiles, row by row.
__global__ void sum_shapes(
    Lists lists, int64_t kernels, int64_t people, const float* parts, float* grad_means,
    float* grad_precisions) {
  const int64_t at = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at >= people * kernels) return;
  const Bounds box = lists.bounds[at];
  double sum[kEllipsoid] = {};
  for (int64_t y = box.y0 / kTileHeight; y * kTileHeight < box.y1; ++y) {
    for (int64_t x = box.x0 / kTileWidth; x * kTileWidth < box.x1; ++x) {
      const float* part = parts + (at * lists.tiles + y * lists.columns + x) * kEllipsoid;
#pragma unroll
      for (int c = 0; c < kEllipsoid; ++c) sum[c] += part[c];
    }
  }
  finish_gradient(lists.drawn[at].shape, sum, grad_means + 3 * at, grad_precisions + 9 * at);
}

// One warp a number of a person, the value or the gradient of an orientation weight: adds up tiles.
__global__ void sum_tiles(Explain task, int64_t people, float* nll, float* grad_orientation) {
  const int64_t numbers = task.shapes ? int64_t(task.limbs) * task.bins : 0;
  const int64_t unit = int64_t(blockIdx.x) * kWarps + warp_id();
  if (unit >= people * (numbers + 1)) return;
  const int64_t person = unit / (numbers + 1), number = unit % (numbers + 1) - 1;
  double sum = 0;
  for (int64_t t = person * task.lists.tiles + lane_id(); t < (person + 1) * task.lists.tiles;
       t += 32) {
    if (task.lists.counts[t] == 0) continue;
    sum += number < 0 ? task.nll[t] : double(task.orientations[t * numbers + number]);
  }
  sum = add_lanes(sum, 32);
  if (lane_id() != 0) return;
  (number < 0 ? nll[person] : grad_orientation[person * numbers + number]) = float(sum);
}

bool by_float4(const void* address) { return reinterpret_cast<uintptr_t>(address) % 16 == 0; }

// Cuts the scratch; the gradients' part is left out where it is not wanted, being the last.
Explain cut_explain(
    const NbfVolumeScene& s, const NbfLikelihood& l, bool gradient, Scratch* scratch) {
  Explain task{};
  task.view = view_of(s);
  task.lists = cut_lists(s, scratch);
  task.form = likelihood_form(l);
  task.limbs = int32_t(l.limbs), task.bins = int32_t(l.bins), task.dim = int32_t(l.dim);
  task.stride = (task.dim + kStep - 1) / kStep * kStep;
  task.aligned = l.dim % 4 == 0 && by_float4(l.observed) && by_float4(l.phi);
  task.observed = l.observed, task.inside = l.inside, task.phi = l.phi;
  task.orientation = l.orientation, task.limb = l.limb;
  task.emitted = scratch->take<float>(s.batch * s.kernels * task.stride);
  task.background = scratch->take<float>(task.stride);
  task.nll = scratch->take<double>(s.batch * task.lists.tiles);
  if (!gradient) return task;
  task.orientations = scratch->take<float>(s.batch * task.lists.tiles * l.limbs * l.bins);
  task.shapes = scratch->take<float>(s.batch * s.kernels * task.lists.tiles * kEllipsoid);
  return task;
}

int run_tiles(const NbfVolumeScene& s, const Explain& task, cudaStream_t stream) {
  void (*const forms[])(Explain) = {explain_tiles<0>, explain_tiles<1>, explain_tiles<2>};
  return launch(forms[s.form], unsigned(s.batch * task.lists.tiles), kThreads,
                work_bytes(task, s.form + 1), stream, task);
}

int run_nll(
    const NbfVolumeScene& s, const NbfLikelihood& l, const Explain& task, float* nll,
    float* grad_means, float* grad_precisions, float* grad_orientation, cudaStream_t stream) {
  const int64_t vectors = s.batch * s.kernels, numbers = task.shapes ? l.limbs * l.bins : 0;
  if (const int code = make_lists(s, task.lists, stream)) return code;
  if (const int code =
          launch(emit_features, blocks_for((vectors + 1) * (task.stride / 4), kThreads), kThreads,
                 0, stream, task, vectors, l.background, const_cast<float*>(task.emitted),
                 const_cast<float*>(task.background)))
    return code;
  if (const int code = run_tiles(s, task, stream)) return code;
  if (const int code = launch(sum_tiles, blocks_for(s.batch * (numbers + 1), kWarps), kThreads, 0,
                              stream, task, s.batch, nll, grad_orientation))
    return code;
  if (!task.shapes) return kNoError;
  return launch(sum_shapes, blocks_for(vectors, kThreads), kThreads, 0, stream, task.lists,
                s.kernels, s.batch, static_cast<const float*>(task.shapes), grad_means,
                grad_precisions);
}

}  // namespace
}  // namespace nbf

extern "C" int64_t nbf_cuda_volume_nll_scratch(
    const NbfVolumeScene* scene, const NbfLikelihood* likelihood) {
  nbf::Scratch scratch(nullptr);
  nbf::cut_explain(*scene, *likelihood, true, &scratch);
  return scratch.used();
}

extern "C" int nbf_cuda_volume_nll(
    const NbfVolumeScene* scene, const NbfLikelihood* likelihood, void* memory, float* nll,
    float* grad_means, float* grad_precisions, float* grad_orientation, void* stream) {
  if (const int code = nbf::check_scene(*scene)) return code;
  if (scene->nearest > 255) return nbf::refuse("more than 255 kernels a pixel");
  if (scene->batch * scene->kernels * (likelihood->dim + nbf::kStep) >= INT32_MAX)
    return nbf::refuse("too many people, kernels or dimensions at once");
  nbf::Scratch scratch(memory);
  const nbf::Explain task =
      nbf::cut_explain(*scene, *likelihood, grad_means != nullptr, &scratch);
  return nbf::run_nll(*scene, *likelihood, task, nll, grad_means, grad_precisions,
                      grad_orientation, static_cast<cudaStream_t>(stream));
}
