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
                                     std::uint32_t position, std::uint32_t head) {
  const std::size_t row = static_cast<std::size_t>(head) * kPageRows + position % kPageRows;
  return page_at(place, step, sequence, position) + row * place.key_row;
}
LINNET_DEVICE std::uint16_t* values_at(const KvPlace& place, const StepRows& step, std::uint32_t sequence,
                                       std::uint32_t position, std::uint32_t head) {
  const std::size_t row = static_cast<std::size_t>(head) * kPageRows + position % kPageRows;
  return page_at(place, step, sequence, position) + place.values + row * place.value_row;
}

// How a row of either format is read (kernels/attention/cache_row.h): a number is scale() * what lies there. Rows start
// on multiples of four numbers, or of 4 bytes (int8).
struct HalfRow {
  using Four = Words2;  // Numbers as they lie.

  LINNET_DEVICE static Four four(const std::uint16_t* row, std::uint32_t first) {
    return *reinterpret_cast<const Words2*>(row + first);
  }
  LINNET_DEVICE static float number(const Four& four, std::uint32_t i) {
    return half_to_float(static_cast<std::uint16_t>(four.word[i / 2] >> (16 * (i % 2))));
  }
  LINNET_DEVICE static float number(const std::uint16_t* row, std::uint32_t i) { return half_to_float(row[i]); }
  LINNET_DEVICE static float scale(const std::uint16_t* /*row*/, std::uint32_t /*numbers*/) { return 1.0F; }
};

struct Q8Row {
  using Four = std::uint32_t;

  LINNET_DEVICE static Four four(const std::uint16_t* row, std::uint32_t first) {
    return *reinterpret_cast<const std::uint32_t*>(row + first / 2);
  }
  LINNET_DEVICE static float number(Four four, std::uint32_t i) {
    return static_cast<float>(static_cast<std::int8_t>(four >> (8 * i) & 0xFFU));
  }
  LINNET_DEVICE static float number(const std::uint16_t* row, std::uint32_t i) {
    return static_cast<float>(reinterpret_cast<const std::int8_t*>(row)[i]);
  }
  // Of a row of so many numbers of 16 bits, the last two of which hold it.
  LINNET_DEVICE static float scale(const std::uint16_t* row, std::uint32_t numbers) {
    return float_of(*reinterpret_cast<const std::uint32_t*>(row + numbers - 2));
  }
};

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
