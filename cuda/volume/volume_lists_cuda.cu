// Tile lists of the volume renderer: see volume_lists.cuh.
#include "volume_lists.cuh"

namespace nbf {
namespace {

int64_t along(int64_t pixels, int64_t tile) { return (pixels + tile - 1) / tile; }

// One thread a kernel: its symmetric shape, where it can be seen, and how far away it is.
__global__ void outline_kernels(NbfVolumeScene scene, View view, double reach, Lists lists) {
  const int64_t at = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at >= scene.batch * scene.kernels) return;
  const Ellipsoid<float> shape = load_shape(scene.means, scene.precisions, at);
  const Pinhole camera = pinhole(view, at / scene.kernels);
  Bounds box{0, 0, 0, 0};
  const bool drawn = screen_bounds(shape, camera.focal, camera.center_x, camera.center_y,
                                   view.width, view.height, reach, &box);
  if (!drawn) box = Bounds{0, 0, 0, 0};
  const float distance = root(shape.x * shape.x + shape.y * shape.y + shape.z * shape.z);
  lists.drawn[at] = Drawn{shape, drawn && distance < HUGE_VALF ? distance : HUGE_VALF};
  lists.bounds[at] = box;
}

// One thread a kernel: its rank is the number of kernels before it.
__global__ void sort_kernels(int64_t kernels, int64_t blocks_each, Lists lists) {
  float* others = reinterpret_cast<float*>(nbf_shared_memory);
  const int64_t person = blockIdx.x / blocks_each;
  const int64_t k = blockIdx.x % blocks_each * kThreads + threadIdx.x;
  const Drawn* drawn = lists.drawn + person * kernels;
  const float mine = k < kernels ? drawn[k].distance : 0.f;
  int64_t rank = 0;
  for (int64_t first = 0; first < kernels; first += kThreads) {
    __syncthreads();
    if (first + threadIdx.x < kernels) others[threadIdx.x] = drawn[first + threadIdx.x].distance;
    __syncthreads();
    for (int i = 0; i < kThreads && first + i < kernels; ++i)
      rank += others[i] < mine || (others[i] == mine && first + i < k);
  }
  if (k >= kernels) return;
  lists.sorted[person * kernels + rank] = int32_t(k);
  lists.sorted_bounds[person * kernels + rank] = lists.bounds[person * kernels + k];
}

// One warp a tile: the kernels whose bounds meet it, in order.
__global__ void list_tiles(int64_t units, int64_t kernels, Lists lists) {
  const int32_t unit = int32_t(blockIdx.x) * kWarps + warp_id();
  if (unit >= units) return;
  const int32_t person = unit / lists.tiles, index = unit % lists.tiles;
  const int32_t x = index % lists.columns * kTileWidth;
  const int32_t y = index / lists.columns * kTileHeight;
  int32_t count = 0;
  for (int64_t first = 0; first < kernels; first += 32) {
    const int64_t at = person * kernels + first + lane_id();
    bool meets = false;
    if (first + lane_id() < kernels) {
      const Bounds box = lists.sorted_bounds[at];
      meets = box.x0 < x + kTileWidth && box.x1 > x && box.y0 < y + kTileHeight && box.y1 > y;
    }
    const unsigned mask = __ballot_sync(0xffffffffu, meets);
    if (meets)
      lists.kernels[unit * kernels + count + __popc(mask & ((1u << lane_id()) - 1))] =
          lists.sorted[at];
    count += __popc(mask);
  }
  if (lane_id() != 0) return;
  lists.counts[unit] = count;
  if (count == 0) return;
  const int queue = count > 48 ? 0 : count > 24 ? 1 : count > 12 ? 2 : 3;
  lists.queues[queue * units + atomicAdd(lists.queued + queue, 1)] = unit;
}

}  // namespace

View view_of(const NbfVolumeScene& s) {
  return {s.focal, s.center, s.kernels, s.height, s.width, s.nearest, s.density,
          -std::log(s.threshold)};
}

int check_scene(const NbfVolumeScene& s) {
  if (s.batch < 0 || s.kernels < 0 || s.height < 1 || s.width < 1 || s.nearest < 1)
    return refuse("a scene of impossible size");
  if (!(s.threshold > 0 && s.threshold < 1)) return refuse("threshold is not between 0 and 1");
  if (s.form < 0 || s.form > 2) return refuse("no such occlusion form");
  if (s.kernels > 65535) return refuse("more than 65535 kernels a person");
  const int64_t tiles = along(s.width, kTileWidth) * along(s.height, kTileHeight);
  if (s.batch * tiles >= INT32_MAX) return refuse("too many people, or too large a map, at once");
  return kNoError;
}

Lists cut_lists(const NbfVolumeScene& s, Scratch* scratch) {
  Lists out;
  out.columns = int32_t(along(s.width, kTileWidth));
  out.tiles = int32_t(out.columns * along(s.height, kTileHeight));
  out.drawn = scratch->take<Drawn>(s.batch * s.kernels);
  out.bounds = scratch->take<Bounds>(s.batch * s.kernels);
  out.sorted_bounds = scratch->take<Bounds>(s.batch * s.kernels);
  out.sorted = scratch->take<int32_t>(s.batch * s.kernels);
  out.counts = scratch->take<int32_t>(s.batch * out.tiles);
  out.kernels = scratch->take<int32_t>(s.batch * out.tiles * s.kernels);
  out.queued = scratch->take<int32_t>(kQueues);
  out.queues = scratch->take<int32_t>(kQueues * s.batch * out.tiles);
  return out;
}

int make_lists(const NbfVolumeScene& s, const Lists& lists, cudaStream_t stream) {
  const double reach = -std::log(double(s.threshold));
  const int64_t each = along(s.kernels, kThreads), units = s.batch * lists.tiles;
  if (const int code = launch(outline_kernels, blocks_for(s.batch * s.kernels, kThreads), kThreads,
                              0, stream, s, view_of(s), reach, lists))
    return code;
  if (const int code = launch(sort_kernels, unsigned(s.batch * each), kThreads,
                              kThreads * sizeof(float), stream, s.kernels, each, lists))
    return code;
  if (const int code = check(
          cudaMemsetAsync(lists.queued, 0, kQueues * sizeof(int32_t), stream), "clearing scratch"))
    return code;
  return launch(list_tiles, blocks_for(units, kWarps), kThreads, 0, stream, units, s.kernels,
                lists);
}

}  // namespace nbf
