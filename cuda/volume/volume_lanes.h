// Numbers of the volume renderer: `float`, and on the CPU `Lanes`, several pixels' floats as one
// number. That is the widest vector of the instruction set that the including file is compiled for,
// or a single float where the compiler has no vector types.
//
// Functions have internal linkage: the header is compiled for several instruction sets, and a
// linker that merged them could hand AVX code to a processor without it.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define NBF_FN static __host__ __device__ inline
#else
#define NBF_FN static inline
#endif

#if !defined(__CUDACC__) && defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
#define NBF_VECTORS 1
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#endif

namespace nbf {

NBF_FN float fill(float, float value) { return value; }
NBF_FN float select(bool mask, float yes, float no) { return mask ? yes : no; }
NBF_FN float root(float x) { return sqrtf(x); }
NBF_FN float magnitude(float x) { return fabsf(x); }

// value * 2^n, where `shifted` is n + 1.5 * 2^23.
NBF_FN float times_power_of_two(float value, float shifted) {
  uint32_t bits, power;
  std::memcpy(&bits, &value, 4);
  std::memcpy(&power, &shifted, 4);
  bits += power << 23;
  std::memcpy(&value, &bits, 4);
  return value;
}

// x = mantissa * 2^exponent with the mantissa in [sqrt(1/2), sqrt(2)).
NBF_FN float split_exponent(float x, float* exponent) {
  int32_t bits;
  std::memcpy(&bits, &x, 4);
  const int32_t power = (bits - 0x3f3504f3) >> 23;
  bits -= int32_t(uint32_t(power) << 23);
  std::memcpy(&x, &bits, 4);
  *exponent = float(power);
  return x;
}

#if NBF_VECTORS

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Lanes __attribute__((vector_size(4 * kLanes)));
typedef int32_t LaneMask __attribute__((vector_size(4 * kLanes)));
typedef uint32_t LaneBits __attribute__((vector_size(4 * kLanes)));
typedef float UnalignedLanes __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));

static inline Lanes load(const float* from) {
  return *reinterpret_cast<const UnalignedLanes*>(from);
}
static inline void store(float* to, Lanes value) {
  *reinterpret_cast<UnalignedLanes*>(to) = value;
}
static inline Lanes spread(float value) { return value - Lanes{}; }
static inline Lanes fill(Lanes, float value) { return spread(value); }
static inline Lanes select(LaneMask mask, Lanes yes, Lanes no) { return mask ? yes : no; }
static inline Lanes magnitude(Lanes x) { return x < 0.f ? -x : x; }
static inline Lanes times_power_of_two(Lanes value, Lanes shifted) {
  return (Lanes)((LaneBits)value + ((LaneBits)shifted << 23));
}
static inline Lanes split_exponent(Lanes x, Lanes* exponent) {
  const LaneMask bits = (LaneMask)x, power = (bits - 0x3f3504f3) >> 23;
  *exponent = __builtin_convertvector(power, Lanes);
  return (Lanes)((LaneBits)bits - ((LaneBits)power << 23));
}

#if defined(__AVX512F__)
static inline Lanes root(Lanes x) { return _mm512_maskz_sqrt_ps(0xffff, x); }
static inline bool any(LaneMask mask) { return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask); }
#elif defined(__AVX2__)
static inline Lanes root(Lanes x) { return _mm256_sqrt_ps(x); }
static inline bool any(LaneMask mask) { return _mm256_movemask_ps((__m256)mask); }
#elif defined(__x86_64__)
static inline Lanes root(Lanes x) { return _mm_sqrt_ps(x); }
static inline bool any(LaneMask mask) { return _mm_movemask_ps((__m128)mask); }
#else
static inline Lanes root(Lanes x) {
  for (int i = 0; i < kLanes; ++i) x[i] = std::sqrt(x[i]);
  return x;
}
static inline bool any(LaneMask mask) { return (mask[0] | mask[1] | mask[2] | mask[3]) != 0; }
#endif

// Sum of the lanes, in halves.
#if defined(__AVX512F__)
static inline float sum(Lanes x) { return _mm512_reduce_add_ps(x); }
#else
static inline float sum(Lanes x) {
  float lane[kLanes];
  store(lane, x);
  for (int half = kLanes / 2; half; half /= 2)
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}
#endif

#elif !defined(__CUDACC__)

constexpr int kLanes = 1;
using Lanes = float;
using LaneMask = bool;
static inline Lanes load(const float* from) { return *from; }
static inline void store(float* to, Lanes value) { *to = value; }
static inline Lanes spread(float value) { return value; }
static inline bool any(LaneMask mask) { return mask; }
static inline float sum(Lanes x) { return x; }

#endif

}  // namespace nbf
