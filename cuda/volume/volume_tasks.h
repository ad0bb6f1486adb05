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
};

const Arithmetic* arithmetic_baseline();
const Arithmetic* arithmetic_avx2();
const Arithmetic* arithmetic_avx512();

}  // namespace nbf
