// What the driver (volume_cpu.cpp) hands to the arithmetic (volume_simd.h), which is compiled once
// for each instruction set. Plain structs and pointers: nothing here may become a shared function.
#pragma once
#include "volume.h"
#include "volume_math.h"

namespace nbf {

constexpr int kTile = 8;                  // pixels along the side of a tile
constexpr int kTilePixels = kTile * kTile;
constexpr int kGradient = 9;              // numbers of an EllipsoidGradient

struct Pinhole {
  float focal, center_x, center_y;
};

// One person's kernels, ready to be drawn.
struct Kernels {
  const Ellipsoid<float>* shapes;
  const Bounds* bounds;
  Pinhole camera;
};

struct Tile {
  int32_t x, y;            // its first column and row
  const int32_t* kernels;  // those whose bounds meet it, rising
  int32_t count;
};

// The nearest kernels of every pixel of a tile, as places in the tile's list.
struct TileLists {
  int32_t* seen;    // [kTilePixels] how many
  int32_t* places;  // [kTilePixels, nearest]
  // Along each pixel's ray, [count, kTilePixels]:
  float *sharpness, *peak, *miss;
  // Scratch [kTilePixels, padded(count)]
  float* depths;
  int32_t* candidates;
};

struct Rendering {
  float density, reach;
  int32_t nearest, width;
  OcclusionForm form;
};

// Rows of one person, and their kernels.
struct RowsTask {
  Rendering how;
  Kernels person;
  int64_t rows, nearest;
  const int64_t *pixel, *kernels;
  float* scratch;  // see weigh_scratch
};

// Floats of scratch for a group of pixels with up to `nearest` kernels each.
NBF_FN int64_t weigh_scratch(int64_t nearest) { return (nearest + 1) * 16 * 32; }

// What explains a person's feature map.
struct FusedTask {
  Rendering how;
  Kernels person;
  LikelihoodForm form;
  int64_t kernels, bins, dim;
  int64_t stride;            // dimensions with padding, a multiple of 16
  const float* phi;          // [kernels, bins, dim]
  const int64_t* limb;       // [kernels]
  const float* orientation;  // [limbs, bins]
  const float* emitted;      // [kernels, stride]
  const float* background;   // [stride]
  const float* observed;     // [map, dim]
  const float* inside;       // [map]
};

struct TileResult {
  double nll;
  float* shapes;       // [kernels of the tile, kGradient], null where no gradient is wanted
  float* orientation;  // [limbs, bins], added to
};

// Scratch for the gradients of one tile, in this order.
struct TileGradients {
  float *sharpness, *peak, *miss;  // [count, kTilePixels]
  float* emitted;                  // [count, stride]
};

NBF_FN TileGradients tile_gradients(float* scratch, int64_t count) {
  const int64_t map = count * kTilePixels;
  return {scratch, scratch + map, scratch + 2 * map, scratch + 3 * map};
}

NBF_FN int64_t fused_scratch(int64_t nearest, int64_t count, int64_t stride) {
  return weigh_scratch(nearest) + 16 * stride + count * (3 * kTilePixels + stride);
}

// One instruction set's functions.
struct Arithmetic {
  const char* name;
  void (*list_tile)(const Rendering& how, const Kernels& person, const Tile& tile, TileLists* out);
  void (*weigh)(const RowsTask& task, float* weights, float* opacity, float* depth);
  // Adds to gradients [kernels of the person], see EllipsoidGradient.
  void (*weigh_backward)(
      const RowsTask& task, const float* grad_weights, const float* grad_opacity,
      const float* grad_depth, float* gradients);
  void (*composite)(
      const RowsTask& task, const float* weights, const float* features, int64_t dim, float* out);
  void (*composite_backward)(
      const RowsTask& task, const float* weights, const float* features, int64_t dim,
      const float* grad_out, float* grad_weights, float* grad_features);
  void (*emit)(const FusedTask& task, float* emitted);
  void (*explain_tile)(
      const FusedTask& task, const Tile& tile, TileLists* lists, float* scratch, TileResult* out);
};

const Arithmetic* arithmetic_baseline();
const Arithmetic* arithmetic_avx2();
const Arithmetic* arithmetic_avx512();

}  // namespace nbf
