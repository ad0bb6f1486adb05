// Sums of many threads' numbers that do not depend on the threads' order.
//
// Floats added in another order give another sum; whole numbers do not. So all threads first note
// the largest magnitude of a group, then add their numbers as whole multiples of a unit that is so
// small that no sum can overflow: 2^-62 of the largest possible one, finer than float32 by far.
#pragma once
#include "common/cuda_launch.cuh"
#include "raster_math.h"

namespace nbf {

using Whole = unsigned long long;  // wraps around as two's complement, as atomicAdd wants it

struct Sums {
  uint32_t* largest;  // [groups] bits of the largest magnitude: they order as the numbers do
  Whole* totals;      // [groups, size]
  int64_t groups, size;
  double most;  // numbers that may go into one total
};

inline Sums cut_sums(int64_t groups, int64_t size, int64_t most, Scratch* scratch) {
  Sums sums{nullptr, nullptr, groups, size, double(most < 1 ? 1 : most)};
  sums.largest = scratch->take<uint32_t>(groups);
  sums.totals = scratch->take<Whole>(groups * size);
  return sums;
}

inline int clear_sums(const Sums& sums, cudaStream_t stream) {
  if (sums.groups == 0) return kNoError;
  const size_t largest = sums.groups * sizeof(uint32_t);
  const size_t totals = sums.groups * sums.size * sizeof(Whole);
  if (const int code = check(cudaMemsetAsync(sums.largest, 0, largest, stream), "clear")) return code;
  return totals ? check(cudaMemsetAsync(sums.totals, 0, totals, stream), "clear") : kNoError;
}

static __device__ inline float largest_of(const Sums& sums, int64_t group) {
  float value;
  std::memcpy(&value, sums.largest + group, sizeof value);
  return value;
}

// First round: what will be added.
static __device__ inline void note(const Sums& sums, int64_t group, float value) {
  const float magnitude = std::fabs(value);
  uint32_t bits;
  std::memcpy(&bits, &magnitude, sizeof bits);
  if (bits > sums.largest[group]) atomicMax(sums.largest + group, bits);
}

static __device__ inline double unit(const Sums& sums, int64_t group) {
  return double(largest_of(sums, group)) * sums.most / 4611686018427387904.0;
}

// Second round.
static __device__ inline void add(const Sums& sums, int64_t group, int64_t index, float value) {
  if (value == 0 || !(largest_of(sums, group) < HUGE_VALF)) return;
  const int64_t whole = int64_t(std::llrint(value / unit(sums, group)));
  atomicAdd(sums.totals + group * sums.size + index, Whole(whole));
}

// Afterwards. A group to which anybody added infinity or NaN is NaN.
static __device__ inline double total(const Sums& sums, int64_t group, int64_t index) {
  if (!(largest_of(sums, group) < HUGE_VALF)) return NAN;
  return double(int64_t(sums.totals[group * sums.size + index])) * unit(sums, group);
}

// Totals as floats; in raster_cuda.cu.
int show(const Sums& sums, float* out, cudaStream_t stream);

}  // namespace nbf
