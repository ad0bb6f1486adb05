// Which kernels the pixels of a tile see, nearest first. Lanes are pixels.
#pragma once
#include "volume_tasks.h"

namespace nbf {
namespace {

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

}  // namespace
}  // namespace nbf
