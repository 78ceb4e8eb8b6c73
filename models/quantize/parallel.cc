#include "models/quantize/parallel.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace linnet::quantize {

void for_each_parallel(std::size_t count, unsigned threads, FunctionRef<void(std::size_t)> work) {
  std::atomic<std::size_t> next{0};
  const auto take_pieces = [&] {
    for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) work(i);
  };
  std::vector<std::thread> helpers;
  const std::size_t wanted = std::min<std::size_t>(threads, count);
  try {
    while (helpers.size() + 1 < wanted) helpers.emplace_back(take_pieces);
  } catch (const std::system_error&) {
    // No more threads today: the pieces left are taken below.
  }
  take_pieces();
  for (auto& helper : helpers) helper.join();
}

}  // namespace linnet::quantize
