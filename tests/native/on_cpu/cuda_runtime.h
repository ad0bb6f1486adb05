// As much of CUDA as our sources use, for a processor without a GPU: put this folder first on the
// include path and compile the .cu files as C++. Every thread of a block is a fiber, so barriers
// and warp operations are real; "device memory" is the process's own. See on_cpu.cpp.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __shared__  // the only shared memory is `extern`: it is defined in on_cpu.cpp
#define __launch_bounds__(...)

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

typedef int cudaError_t;
typedef void* cudaStream_t;
constexpr cudaError_t cudaSuccess = 0, cudaErrorInvalidValue = 1;
enum { cudaDevAttrMaxSharedMemoryPerBlockOptin, cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };

inline const char* cudaGetErrorString(cudaError_t) { return "refused by the CPU's stand-in"; }
inline cudaError_t cudaGetDevice(int* device) { return *device = 0; }
inline cudaError_t cudaDeviceGetAttribute(int* value, int, int) { return *value = 227 * 1024, 0; }
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t) {
  return std::memset(to, value, bytes), cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(
    void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  return std::memcpy(to, from, bytes), cudaSuccess;
}
inline cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  return bytes ? std::memcpy(to, from, bytes) : to, cudaSuccess;
}
inline cudaError_t cudaMalloc(void** memory, size_t bytes) {
  return *memory = std::malloc(bytes), cudaSuccess;
}
inline cudaError_t cudaFree(void* memory) { return std::free(memory), cudaSuccess; }
template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel*, int, int) {
  return cudaSuccess;
}

namespace on_cpu {
enum Barrier { kNone, kWarp, kBlock };
cudaError_t run_grid(
    dim3 grid, dim3 block, size_t shared, const std::function<void()>& thread);
void wait(Barrier barrier);
uint64_t exchange(uint64_t value, int from_lane);  // what another lane of the warp gave
uint32_t ballot(bool vote);
}  // namespace on_cpu

extern dim3 threadIdx, blockIdx, blockDim, gridDim;

template <class... P, size_t... I>
cudaError_t launch_on_cpu(
    void (*kernel)(P...), dim3 grid, dim3 block, void** values, size_t shared,
    std::index_sequence<I...>) {
  return on_cpu::run_grid(grid, block, shared, [=] { kernel(*static_cast<P*>(values[I])...); });
}
template <class... P>
cudaError_t cudaLaunchKernel(
    void (*kernel)(P...), dim3 grid, dim3 block, void** values, size_t shared, cudaStream_t) {
  return launch_on_cpu(kernel, grid, block, values, shared, std::index_sequence_for<P...>{});
}

inline void __syncthreads() { on_cpu::wait(on_cpu::kBlock); }
inline void __syncwarp() { on_cpu::wait(on_cpu::kWarp); }
inline uint32_t __ballot_sync(uint32_t, bool vote) { return on_cpu::ballot(vote); }
template <class T>
T __shfl_xor_sync(uint32_t, T value, int lanes) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = on_cpu::exchange(bits, int(threadIdx.x % 32) ^ lanes);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline int __popc(uint32_t bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }

template <class T, class V>
T atomicOr(T* target, V bits) {
  return std::exchange(*target, *target | bits);
}
template <class T, class V>
T atomicAdd(T* target, V value) {
  return std::exchange(*target, *target + value);
}
template <class T, class V>
T atomicMin(T* target, V value) {
  return std::exchange(*target, T(value) < *target ? T(value) : *target);
}
template <class T, class V>
T atomicMax(T* target, V value) {
  return std::exchange(*target, T(value) > *target ? T(value) : *target);
}
