// Where a sequence's keys and values lie: the pages of runtime/engine/kv_cache.h in device memory.
#pragma once

#include "kernels/cuda/device.h"
#include "kernels/cuda/launch.h"

namespace linnet::kernels::cuda {

inline constexpr std::uint32_t kPageRows = 256;  // kPagePositions of kernels/attention.

// The page of a sequence that holds `position`.
LINNET_DEVICE std::uint16_t* page_at(const KvPlace& place, const StepRows& step, std::uint32_t sequence,
                                     std::uint32_t position) {
  const std::uint32_t number = position / kPageRows;
  const std::size_t page = place.ring != 0
                               ? static_cast<std::size_t>(sequence) * place.ring + number % place.ring
                               : step.page_tables[static_cast<std::size_t>(sequence) * step.pages_a_sequence + number];
  return place.numbers + page * place.page;
}
LINNET_DEVICE std::uint16_t* keys_at(const KvPlace& place, const StepRows& step, std::uint32_t sequence,
                                     std::uint32_t position, std::uint32_t head, std::uint32_t width) {
  return page_at(place, step, sequence, position) + static_cast<std::size_t>(head) * place.key_head +
         position % kPageRows * width;
}
LINNET_DEVICE std::uint16_t* values_at(const KvPlace& place, const StepRows& step, std::uint32_t sequence,
                                       std::uint32_t position, std::uint32_t head, std::uint32_t stride) {
  return page_at(place, step, sequence, position) + place.values + static_cast<std::size_t>(head) * place.value_head +
         position % kPageRows * stride;
}

// The positions that a row sees.
struct Sight {
  std::uint32_t begin;
  std::uint32_t end;
};
LINNET_DEVICE Sight sight_of(const StepRows& step, std::uint32_t window, std::uint32_t row) {
  const std::uint32_t end = step.sees[row];
  return {window != 0 && end > window ? end - window : 0, end};
}

}  // namespace linnet::kernels::cuda
