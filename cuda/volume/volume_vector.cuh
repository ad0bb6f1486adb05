// Feature vectors, shared by eight lanes: each holds eight dimensions of every 64, four and four.
#pragma once
#include "volume_group.cuh"

namespace nbf {

constexpr int kShare = 8;                    // lanes that share a feature vector
constexpr int kVectors = kThreads / kShare;  // that a block works on at once
constexpr int kHalf = 4 * kShare;            // dimensions between a lane's two fours
constexpr int kStep = 2 * kHalf;             // dimensions that the lanes hold at a time

struct Share {
  float4 low, high;
};

// Four numbers of a vector, zero beyond its end.
static __device__ inline float4 load4(const float* vector, int from, int dim, bool aligned) {
  if (aligned && from + 4 <= dim) return *reinterpret_cast<const float4*>(vector + from);
  return make_float4(from < dim ? vector[from] : 0.f, from + 1 < dim ? vector[from + 1] : 0.f,
                     from + 2 < dim ? vector[from + 2] : 0.f,
                     from + 3 < dim ? vector[from + 3] : 0.f);
}
static __device__ inline Share load_share(const float* vector, int from, int dim, bool aligned) {
  return {load4(vector, from, dim, aligned), load4(vector, from + kHalf, dim, aligned)};
}

// Of a vector with padding.
static __device__ inline Share load_share(const float* from) {
  return {*reinterpret_cast<const float4*>(from), *reinterpret_cast<const float4*>(from + kHalf)};
}
static __device__ inline void store_share(float* to, const Share& v) {
  *reinterpret_cast<float4*>(to) = v.low;
  *reinterpret_cast<float4*>(to + kHalf) = v.high;
}

static __device__ inline void add_scaled(float4* sum, float factor, const float4& v) {
  sum->x += factor * v.x, sum->y += factor * v.y, sum->z += factor * v.z, sum->w += factor * v.w;
}
static __device__ inline void add_scaled(Share* sum, float factor, const Share& v) {
  add_scaled(&sum->low, factor, v.low);
  add_scaled(&sum->high, factor, v.high);
}
static __device__ inline Share less(const Share& a, const Share& b) {
  Share out = a;
  add_scaled(&out, -1.f, b);
  return out;
}
static __device__ inline Share scaled(float factor, const Share& v) {
  Share out{};
  add_scaled(&out, factor, v);
  return out;
}

// The lane's part of a dot product.
static __device__ inline float dot_share(const Share& a, const Share& b) {
  return a.low.x * b.low.x + a.low.y * b.low.y + a.low.z * b.low.z + a.low.w * b.low.w +
         a.high.x * b.high.x + a.high.y * b.high.y + a.high.z * b.high.z + a.high.w * b.high.w;
}

// Adds up the vectors of the groups of lanes in a warp; all get the sum.
static __device__ inline void add_groups(Share* v) {
  float* numbers[] = {&v->low.x, &v->low.y, &v->low.z, &v->low.w,
                      &v->high.x, &v->high.y, &v->high.z, &v->high.w};
#pragma unroll
  for (float* number : numbers)
    for (int other = kShare; other < 32; other *= 2)
      *number += __shfl_xor_sync(0xffffffffu, *number, other);
}

}  // namespace nbf
