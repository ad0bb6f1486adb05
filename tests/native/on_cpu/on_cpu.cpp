// Runs the blocks of a grid one after the other, and the threads of a block as fibers that yield at
// barriers. What CUDA leaves undefined ends the program: a warp operation that some lanes never
// reach, a barrier that never opens. Shared memory starts as NaN, and under AddressSanitizer
// nothing beyond the size that was asked for may be touched.
//
// The order of blocks, and of threads between two barriers, is ON_CPU_ORDER: 0 rising, 1 falling,
// else a shuffle with that seed. A missing barrier shows as results that depend on it.
#include "cuda_runtime.h"

#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes)
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes)
#endif

constexpr size_t kSharedBytes = 227 * 1024, kStackBytes = 128 * 1024;
float4 nbf_shared_memory[kSharedBytes / sizeof(float4)];
dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace on_cpu {
namespace {

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  bool done = false;
  Barrier at = kNone;
  int parity = 0;
};

struct Block {
  std::vector<Fiber> fibers;
  std::vector<uint64_t> slots[2];  // what each thread gives to its warp
  ucontext_t scheduler;
  const std::function<void()>* thread;
} block;

[[noreturn]] void stop(const char* why) {
  std::fprintf(stderr, "on_cpu: %s (block %u)\n", why, blockIdx.x);
  std::abort();
}

void enter() {
  (*block.thread)();
  block.fibers[threadIdx.x].done = true;
  swapcontext(&block.fibers[threadIdx.x].context, &block.scheduler);
}

void start(Fiber* fiber) {
  fiber->done = false, fiber->at = kNone, fiber->parity = 0;
  if (!fiber->stack) fiber->stack.reset(new char[kStackBytes]);
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = fiber->stack.get();
  fiber->context.uc_stack.ss_size = kStackBytes;
  makecontext(&fiber->context, enter, 0);
}

// Opens the barriers that all have reached; false if that lets nobody on.
bool open_barriers() {
  const size_t count = block.fibers.size();
  bool opened = false, all = true;
  for (size_t first = 0; first < count; first += 32) {
    size_t waiting = 0, there = 0;
    for (size_t i = first; i < first + 32 && i < count; ++i, ++there) {
      waiting += block.fibers[i].at == kWarp;
      all &= block.fibers[i].done || block.fibers[i].at == kBlock;
    }
    if (waiting != there) continue;
    for (size_t i = first; i < first + there; ++i) block.fibers[i].at = kNone;
    opened = true;
  }
  if (!all) return opened;
  for (Fiber& fiber : block.fibers) fiber.at = kNone;
  return true;
}

void run_block(const std::vector<unsigned>& order) {
  for (Fiber& fiber : block.fibers) start(&fiber);
  for (size_t done = 0; done < order.size();) {
    for (const unsigned i : order) {
      Fiber& fiber = block.fibers[i];
      if (fiber.done || fiber.at != kNone) continue;
      threadIdx = dim3(i);
      swapcontext(&block.scheduler, &fiber.context);
      done += fiber.done;
    }
    if (done < order.size() && !open_barriers()) stop("threads wait for each other");
  }
}

std::vector<unsigned> chosen_order(unsigned count) {
  std::vector<unsigned> order(count);
  for (unsigned i = 0; i < count; ++i) order[i] = i;
  const char* chosen = std::getenv("ON_CPU_ORDER");
  const int seed = chosen ? std::atoi(chosen) : 0;
  if (seed == 1) std::reverse(order.begin(), order.end());
  if (seed > 1) std::shuffle(order.begin(), order.end(), std::mt19937(unsigned(seed)));
  return order;
}

}  // namespace

cudaError_t run_grid(
    dim3 grid, dim3 threads, size_t shared, const std::function<void()>& thread) {
  if (grid.x == 0 || threads.x % 32 || shared > kSharedBytes) return cudaErrorInvalidValue;
  const auto order = chosen_order(threads.x);
  blockDim = threads, gridDim = grid;
  block.thread = &thread;
  block.fibers.resize(threads.x);
  for (auto& slots : block.slots) slots.assign(threads.x, 0);
  char* memory = reinterpret_cast<char*>(nbf_shared_memory);
  for (const unsigned i : chosen_order(grid.x)) {
    blockIdx = dim3(i);
    ASAN_UNPOISON_MEMORY_REGION(memory, kSharedBytes);
    std::memset(memory, 0xff, shared);
    ASAN_POISON_MEMORY_REGION(memory + shared, kSharedBytes - shared);
    run_block(order);
  }
  return cudaSuccess;
}

void wait(Barrier barrier) {
  Fiber& fiber = block.fibers[threadIdx.x];
  fiber.at = barrier;
  swapcontext(&fiber.context, &block.scheduler);
}

uint64_t exchange(uint64_t value, int from_lane) {
  const unsigned self = threadIdx.x;
  auto& slots = block.slots[block.fibers[self].parity ^= 1];
  slots[self] = value;
  wait(kWarp);
  return slots[self / 32 * 32 + unsigned(from_lane)];
}

uint32_t ballot(bool vote) {
  const unsigned self = threadIdx.x;
  auto& slots = block.slots[block.fibers[self].parity ^= 1];
  slots[self] = vote;
  wait(kWarp);
  uint32_t bits = 0;
  for (unsigned i = 0; i < 32; ++i) bits |= uint32_t(slots[self / 32 * 32 + i]) << i;
  return bits;
}

}  // namespace on_cpu
