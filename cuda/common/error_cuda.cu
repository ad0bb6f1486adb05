// The last error of a thread, in words.
#include <cstdio>

#include "cuda_launch.cuh"

namespace nbf {
namespace {
thread_local char message[256] = "";
}

int refuse(const char* reason) {
  std::snprintf(message, sizeof message, "%s", reason);
  return kBadArgument;
}

int check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return kNoError;
  std::snprintf(message, sizeof message, "%s: %s", what, cudaGetErrorString(status));
  return kCudaError;
}

}  // namespace nbf

extern "C" const char* nbf_cuda_error() { return nbf::message; }
