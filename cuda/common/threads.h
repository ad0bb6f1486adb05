// Threads for the time of a call: a pool would have to survive forks and be shut down.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace nbf {

// Calls work(index, thread) for every index; who gets which index is left to chance.
template <class Work>
void parallel(int64_t count, int64_t threads, const Work& work) {
  threads = std::max<int64_t>(1, std::min(threads, count));
  std::atomic<int64_t> next{0};
  const auto loop = [&](int64_t thread) {
    for (int64_t i = next++; i < count; i = next++) work(i, thread);
  };
  std::vector<std::thread> helpers;
  for (int64_t t = 1; t < threads; ++t) helpers.emplace_back(loop, t);
  loop(0);
  for (auto& helper : helpers) helper.join();
}

}  // namespace nbf
