// Which kernels may reach which tile of 8 x 4 pixels, and from these the nearest of every pixel.
#pragma once
#include "common/cuda_launch.cuh"
#include "volume.h"
#include "volume_group.cuh"

namespace nbf {

constexpr int kTileWidth = 8, kTileHeight = kPixels / kTileWidth;
constexpr int kSome = 32;  // kernels that are held against all pixels at a time
constexpr int kBufferFloats = 2 * kSome * kPixels;
constexpr int kQueues = 4;  // of tiles, the longest lists in the first

struct alignas(16) Drawn {
  Ellipsoid<float> shape;
  float distance;  // of the centre, infinite for what is not drawn
};

// Scratch. A tile's kernels are listed by distance: nearly the order along every ray.
struct Lists {
  int32_t columns, tiles;  // of tiles, and in all; of all people fewer than 2^31
  Drawn* drawn;            // [batch, kernels]
  Bounds *bounds, *sorted_bounds;  // [batch, kernels], the second by distance
  int32_t* sorted;                 // [batch, kernels]
  int32_t* counts;                 // [batch, tiles]
  int32_t* kernels;                // [batch, tiles, kernels]
  // Tiles with kernels, in a different order each time: it decides who is early, not what comes
  // out.
  int32_t* queued;  // [kQueues] how many
  int32_t* queues;  // [kQueues, batch, tiles]
};

Lists cut_lists(const NbfVolumeScene& scene, Scratch* scratch);

// Fills the scratch on a stream.
int make_lists(const NbfVolumeScene& scene, const Lists& lists, cudaStream_t stream);

// Refuses what no function can work with.
int check_scene(const NbfVolumeScene& scene);

// What kernels need of a scene.
struct View {
  const float *focal, *center;
  int64_t kernels;
  int32_t height, width, nearest;
  float density, reach;
};

View view_of(const NbfVolumeScene& scene);

static __device__ inline Pinhole pinhole(const View& view, int64_t person) {
  return {view.focal[person], view.center[2 * person], view.center[2 * person + 1]};
}

struct Tile {
  int32_t unit, person;
  int32_t index, x, y;  // of its person's tiles; first column and row
  int32_t count;
  const int32_t* kernels;  // [count]
  const Drawn* drawn;      // its person's
  const Bounds* bounds;
};

static __device__ inline Tile tile_of(const View& view, const Lists& lists, int32_t unit) {
  const int32_t person = unit / lists.tiles, index = unit % lists.tiles;
  const int32_t column = index % lists.columns, row = index / lists.columns;
  return {unit, person, index, column * kTileWidth, row * kTileHeight, lists.counts[unit],
          lists.kernels + unit * view.kernels,
          lists.drawn + person * view.kernels, lists.bounds + person * view.kernels};
}

// The tile that is the turn-th to be worked on, -1 when all have been. Long lists come first, so
// that no block is left alone with one at the end.
static __device__ inline int32_t tile_in_turn(const Lists& lists, int32_t turn, int32_t units) {
  for (int q = 0; q < kQueues; ++q) {
    const int32_t queued = lists.queued[q];
    if (turn < queued) return lists.queues[int64_t(q) * units + turn];
    turn -= queued;
  }
  return -1;
}

static __device__ inline int32_t lane_column(const Tile& tile) {
  return tile.x + lane_id() % kTileWidth;
}
static __device__ inline int32_t lane_row(const Tile& tile) {
  return tile.y + lane_id() / kTileWidth;
}

static __device__ inline Ray<float> tile_ray(const View& view, const Tile& tile) {
  const Pinhole camera = pinhole(view, tile.person);
  return pixel_ray(float(lane_column(tile)), float(lane_row(tile)), camera.focal, camera.center_x,
                   camera.center_y);
}

// Depths of some kernels at all pixels, infinite where they do not reach: all warps but the first.
static __device__ inline void measure_depths(
    const View& view, const Tile& tile, const Ray<float>& ray, int first, float* depths) {
  const int32_t x = lane_column(tile), y = lane_row(tile);
  for (int c = warp_id() - 1; c < kSome && first + c < tile.count; c += kWarps - 1) {
    const int32_t kernel = tile.kernels[first + c];
    const Bounds box = tile.bounds[kernel];
    const auto along = ray_gaussian(tile.drawn[kernel].shape, ray);
    const bool inside = x >= box.x0 && x < box.x1 && y >= box.y0 && y < box.y1;
    const bool reached = inside && along.miss < view.reach && along.peak > 0;
    depths[c * kPixels + lane_id()] = reached ? along.peak : HUGE_VALF;
  }
}

// Puts some kernels into the lane's list of places by depth, then by id: the first warp.
static __device__ inline int keep_nearest(
    const View& view, const Tile& tile, int first, const float* depths, int seen, float* peak,
    int32_t* place) {
  for (int c = 0; c < kSome && first + c < tile.count; ++c) {
    const float depth = depths[c * kPixels + lane_id()];
    if (!(depth < HUGE_VALF)) continue;
    int at = seen;
    while (at > 0) {
      const int before = (at - 1) * kPixels + lane_id();
      const float other = peak[before];
      if (other < depth) break;
      if (other == depth && tile.kernels[place[before]] < tile.kernels[first + c]) break;
      if (at < view.nearest) {
        peak[before + kPixels] = other;
        place[before + kPixels] = place[before];
      }
      --at;
    }
    if (at >= view.nearest) continue;
    peak[at * kPixels + lane_id()] = depth;
    place[at * kPixels + lane_id()] = first + c;
    seen += seen < view.nearest;
  }
  return seen;
}

// The nearest kernels of each pixel, as places in the tile's list: [nearest, 32], and how many. One
// warp sorts what the others have measured; `buffer` has kBufferFloats.
static __device__ inline void select_nearest(
    const View& view, const Tile& tile, const Ray<float>& ray, float* buffer, float* peak,
    int32_t* place, int32_t* seen) {
  int mine = 0;
  for (int step = 0; (step - 1) * kSome < tile.count; ++step) {
    float* depths = buffer + step % 2 * (kSome * kPixels);
    float* before = buffer + (step + 1) % 2 * (kSome * kPixels);
    if (warp_id() > 0)
      measure_depths(view, tile, ray, step * kSome, depths);
    else if (step > 0)
      mine = keep_nearest(view, tile, (step - 1) * kSome, before, mine, peak, place);
    __syncthreads();
  }
  if (warp_id() == 0) seen[lane_id()] = mine;
  __syncthreads();
}

}  // namespace nbf
