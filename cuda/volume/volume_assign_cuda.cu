// Which kernels reach which pixels, as rows of the pixels that see any: see volume_cuda.h.
#include "volume_cuda.h"
#include "volume_lists.cuh"

namespace nbf {
namespace {

// Scratch that keeps the answer between assign and take.
struct Chosen {
  Lists lists;
  int64_t pixels;    // of a map
  int32_t* seen;     // [batch, pixels]
  int32_t* kernels;  // [batch, pixels, nearest]
  int64_t* row;      // [batch, pixels] where seen, else -1
  int64_t* rows;     // [batch] of each person, then of all before
  int64_t* totals;   // [2] rows, and the most kernels of a pixel
};

Chosen cut_chosen(const NbfVolumeScene& s, void* memory, int64_t* used) {
  Scratch scratch(memory);
  Chosen out;
  out.pixels = int64_t(s.height) * s.width;
  out.lists = cut_lists(s, &scratch);
  out.seen = scratch.take<int32_t>(s.batch * out.pixels);
  out.kernels = scratch.take<int32_t>(s.batch * out.pixels * s.nearest);
  out.row = scratch.take<int64_t>(s.batch * out.pixels);
  out.rows = scratch.take<int64_t>(s.batch);
  out.totals = scratch.take<int64_t>(2);
  *used = scratch.used();
  return out;
}

size_t choice_bytes(const NbfVolumeScene& s) {
  return sizeof(float) * (kBufferFloats + (2 * int64_t(s.nearest) + 1) * kPixels);
}

// One block a tile.
__global__ void choose_nearest(View view, Chosen chosen) {
  float* buffer = reinterpret_cast<float*>(nbf_shared_memory);
  float* peak = buffer + kBufferFloats;
  int32_t* place = reinterpret_cast<int32_t*>(peak + view.nearest * kPixels);
  int32_t* seen = place + view.nearest * kPixels;
  const Tile tile = tile_of(view, chosen.lists, blockIdx.x);
  select_nearest(view, tile, tile_ray(view, tile), buffer, peak, place, seen);
  const int32_t x = lane_column(tile), y = lane_row(tile);
  if (x >= view.width || y >= view.height) return;
  const int64_t pixel = tile.person * chosen.pixels + int64_t(y) * view.width + x;
  const int count = seen[lane_id()];
  if (warp_id() == 0) chosen.seen[pixel] = count;
  for (int k = warp_id(); k < count; k += kWarps)
    chosen.kernels[pixel * view.nearest + k] = tile.kernels[place[k * kPixels + lane_id()]];
}

// One warp a person.
__global__ void count_rows(int64_t people, Chosen chosen, int64_t* most) {
  const int64_t person = int64_t(blockIdx.x) * kWarps + warp_id();
  if (person >= people) return;
  int64_t rows = 0;
  int largest = 1;
  for (int64_t i = lane_id(); i < chosen.pixels; i += 32) {
    const int32_t seen = chosen.seen[person * chosen.pixels + i];
    rows += seen > 0;
    largest = seen > largest ? seen : largest;
  }
  rows = add_lanes(rows, 32), largest = most_of_lanes(largest);
  if (lane_id() == 0) chosen.rows[person] = rows, most[person] = largest;
}

// One thread: a batch is short.
__global__ void add_rows(int64_t people, Chosen chosen, const int64_t* most) {
  if (threadIdx.x > 0) return;
  int64_t rows = 0, largest = 1;
  for (int64_t b = 0; b < people; ++b) {
    const int64_t own = chosen.rows[b];
    chosen.rows[b] = rows;
    rows += own;
    largest = most[b] > largest ? most[b] : largest;
  }
  chosen.totals[0] = rows, chosen.totals[1] = largest;
}

// One warp a person: the row of each pixel.
__global__ void number_rows(int64_t people, Chosen chosen) {
  const int64_t person = int64_t(blockIdx.x) * kWarps + warp_id();
  if (person >= people) return;
  int64_t next = chosen.rows[person];
  for (int64_t first = 0; first < chosen.pixels; first += 32) {
    const int64_t i = first + lane_id(), at = person * chosen.pixels + i;
    const bool seen = i < chosen.pixels && chosen.seen[at] > 0;
    const unsigned mask = __ballot_sync(0xffffffffu, seen);
    const int64_t row = next + __popc(mask & ((1u << lane_id()) - 1));
    if (i < chosen.pixels) chosen.row[at] = seen ? row : -1;
    next += __popc(mask);
  }
}

// One thread a pixel.
__global__ void take_rows(
    int64_t count, Chosen chosen, int64_t stored, int64_t nearest, int64_t* batch, int64_t* pixel,
    int64_t* kernels) {
  const int64_t at = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at >= count || chosen.row[at] < 0) return;
  const int64_t row = chosen.row[at];
  const int32_t seen = chosen.seen[at];
  batch[row] = at / chosen.pixels, pixel[row] = at % chosen.pixels;
  for (int64_t k = 0; k < nearest; ++k)
    kernels[row * nearest + k] = k < seen ? chosen.kernels[at * stored + k] : -1;
}

int number_all(const NbfVolumeScene& s, const Chosen& chosen, cudaStream_t stream) {
  // The rows' places are not known yet: theirs is where each person's most kernels wait.
  int64_t* most = chosen.row;
  const unsigned blocks = blocks_for(s.batch, kWarps);
  if (const int code = launch(count_rows, blocks, kThreads, 0, stream, s.batch, chosen, most))
    return code;
  if (const int code = launch(add_rows, 1, 32, 0, stream, s.batch, chosen, most)) return code;
  return launch(number_rows, blocks, kThreads, 0, stream, s.batch, chosen);
}

}  // namespace
}  // namespace nbf

extern "C" int64_t nbf_cuda_volume_assign_scratch(const NbfVolumeScene* scene) {
  int64_t used;
  nbf::cut_chosen(*scene, nullptr, &used);
  return used;
}

extern "C" int nbf_cuda_volume_assign(
    const NbfVolumeScene* scene, void* scratch, int64_t* rows, int64_t* nearest, void* on) {
  using namespace nbf;
  const NbfVolumeScene& s = *scene;
  if (const int code = check_scene(s)) return code;
  int64_t used, totals[2];
  const Chosen chosen = cut_chosen(s, scratch, &used);
  const auto stream = static_cast<cudaStream_t>(on);
  if (const int code = make_lists(s, chosen.lists, stream)) return code;
  if (const int code = launch(choose_nearest, unsigned(s.batch * chosen.lists.tiles), kThreads,
                              choice_bytes(s), stream, view_of(s), chosen))
    return code;
  if (const int code = number_all(s, chosen, stream)) return code;
  if (const int code = check(cudaMemcpyAsync(totals, chosen.totals, sizeof totals,
                                             cudaMemcpyDeviceToHost, stream),
                             "reading the number of rows"))
    return code;
  if (const int code = check(cudaStreamSynchronize(stream), "assigning kernels")) return code;
  *rows = totals[0], *nearest = totals[1];
  return kNoError;
}

extern "C" int nbf_cuda_volume_take(
    const NbfVolumeScene* scene, void* scratch, int64_t nearest, int64_t* batch, int64_t* pixel,
    int64_t* kernels, void* stream) {
  using namespace nbf;
  int64_t used;
  const Chosen chosen = cut_chosen(*scene, scratch, &used);
  const int64_t pixels = scene->batch * chosen.pixels;
  return launch(take_rows, blocks_for(pixels, kThreads), kThreads, 0,
                static_cast<cudaStream_t>(stream), pixels, chosen, scene->nearest, nearest, batch,
                pixel, kernels);
}
