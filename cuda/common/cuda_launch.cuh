// What every op needs to run on a CUDA device: error codes, launches, scratch memory.
//
// Kernels are launched by cudaLaunchKernel rather than by <<< >>>, so that the sources are plain
// C++ but for the attributes: tests/native compiles them for the CPU and runs every thread.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

// A block's dynamic shared memory, as many bytes as the launch asks for.
extern __shared__ float4 nbf_shared_memory[];

namespace nbf {

constexpr int kNoError = 0, kBadArgument = 1, kCudaError = 2;
constexpr size_t kSharedByDefault = 48 * 1024;  // every device grants it without being asked

// Remember a message for nbf_cuda_error() and return the code that goes with it.
int refuse(const char* reason);
int check(cudaError_t status, const char* what);

// Device memory that the caller lends, cut into arrays. Cut from null it measures.
class Scratch {
 public:
  explicit Scratch(void* memory) : base_(static_cast<unsigned char*>(memory)) {}

  template <class T>
  T* take(int64_t count) {
    T* array = base_ ? reinterpret_cast<T*>(base_ + used_) : nullptr;
    used_ += (count * int64_t(sizeof(T)) + 255) / 256 * 256;
    return array;
  }
  int64_t used() const { return used_; }

 private:
  unsigned char* base_;
  int64_t used_ = 0;
};

inline unsigned blocks_for(int64_t items, int64_t per_block) {
  return unsigned((items + per_block - 1) / per_block);
}

// Raises a kernel's limit of shared memory where it wants more than the default.
template <class... P>
int allow_shared(void (*kernel)(P...), size_t bytes) {
  if (bytes <= kSharedByDefault) return kNoError;
  int device = 0, most = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  if (bytes > size_t(most))
    return refuse("this device has too little shared memory: ask for fewer kernels a pixel, or "
                  "fewer feature dimensions");
  return check(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(bytes)),
      "shared memory");
}

template <class... P, size_t... I>
cudaError_t launch_with(
    void (*kernel)(P...), unsigned blocks, unsigned threads, size_t shared, cudaStream_t stream,
    std::tuple<P...> values, std::index_sequence<I...>) {
  void* addresses[] = {static_cast<void*>(&std::get<I>(values))...};
  return cudaLaunchKernel(kernel, dim3(blocks), dim3(threads), addresses, shared, stream);
}

template <class... P, class... A>
int launch(
    void (*kernel)(P...), unsigned blocks, unsigned threads, size_t shared, cudaStream_t stream,
    A... args) {
  if (blocks == 0) return kNoError;  // an empty grid is an error to CUDA
  if (const int code = allow_shared(kernel, shared)) return code;
  return check(launch_with(kernel, blocks, threads, shared, stream,
                           std::tuple<P...>(static_cast<P>(args)...),
                           std::index_sequence_for<P...>{}),
               "kernel launch");
}

}  // namespace nbf
