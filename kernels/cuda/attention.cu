// Attention of single rows: keys and values are stored in pages, and read in parts that many blocks share.
#include "kernels/cuda/pages.h"
#include "kernels/cuda/rows.h"

namespace linnet::kernels::cuda {

LINNET_KERNEL(kRowThreads) linnet_cuda_kv_store(const KvStoreParameters p) {
  wait_for_predecessor();
  let_successor_start();
  const std::uint32_t item = block_x() * kRowThreads + thread_index();
  const std::uint32_t row = block_y();
  const std::uint32_t keys = p.kv_heads * p.key_width;
  const std::uint32_t sequence = p.step.sequences[row];
  const std::uint32_t position = p.step.positions[row];
  if (item < keys) {
    const std::uint32_t head = item / p.key_width;
    keys_at(p.place, p.step, sequence, position, head)[item % p.key_width] =
        float_to_half(p.keys[static_cast<std::size_t>(row) * p.key_stride + item]);
  } else if (p.values != nullptr && item - keys < p.kv_heads * p.value_width) {
    const std::uint32_t number = item - keys;
    const std::uint32_t head = number / p.value_width;
    values_at(p.place, p.step, sequence, position, head)[number % p.value_width] =
        float_to_half(p.values[static_cast<std::size_t>(row) * p.value_stride + number]);
  }
}

// A warp puts one head's numbers into a row of int8: the bits of kernels/attention/cache_row.h.
LINNET_DEVICE void store_q8_row(const float* in, std::uint32_t width, std::uint16_t* row, std::uint32_t numbers) {
  constexpr float kRound = 0x1.8p23F;
  constexpr float kLargestFloat = 0x1.fffffep127F;
  float largest = 0.0F;
  for (std::uint32_t i = lane_index(); i < width; i += kWarp) largest = larger(largest, in[i] < 0.0F ? -in[i] : in[i]);
  largest = warp_maximum(largest);
  const float inverse = 127.0F / largest;
  const bool is_zero = inverse > kLargestFloat;
  for (std::uint32_t first = 4 * lane_index(); first < width; first += 4 * kWarp) {
    std::uint32_t four = 0;
    for (std::uint32_t i = 0; i < smaller(4, width - first); ++i) {
      const std::uint32_t bits = is_zero ? 0 : bits_of(product(in[first + i], inverse) + kRound);
      four |= (bits & 0xFFU) << (8 * i);
    }
    reinterpret_cast<std::uint32_t*>(row)[first / 4] = four;
  }
  if (lane_index() == 0) *reinterpret_cast<float*>(row + numbers - 2) = is_zero ? 0.0F : largest / 127.0F;
}

// A warp a head's keys; behind them, a warp a head's values.
LINNET_KERNEL(kRowThreads) linnet_cuda_kv_store_q8(const KvStoreParameters p) {
  wait_for_predecessor();
  let_successor_start();
  const std::uint32_t item = block_x() * (kRowThreads / kWarp) + warp_index();
  const std::size_t row = block_y();
  const std::uint32_t sequence = p.step.sequences[row];
  const std::uint32_t position = p.step.positions[row];
  if (item < p.kv_heads) {
    store_q8_row(p.keys + row * p.key_stride + static_cast<std::size_t>(item) * p.key_width, p.key_width,
                 keys_at(p.place, p.step, sequence, position, item), p.place.key_row);
  } else if (p.values != nullptr && item < 2 * p.kv_heads) {
    const std::uint32_t head = item - p.kv_heads;
    store_q8_row(p.values + row * p.value_stride + static_cast<std::size_t>(head) * p.value_width, p.value_width,
                 values_at(p.place, p.step, sequence, position, head), p.place.value_row);
  }
}

// How a row's positions are cut: whole runs of kPartPositions, as many to each part but the last.
struct PartCut {
  std::uint32_t first;  // Run.
  std::uint32_t end;
  std::uint32_t a_part;  // Runs.

  LINNET_DEVICE PartCut(const Sight& sight, std::uint32_t parts)
      : first(sight.begin / kPartPositions),
        end((sight.end + kPartPositions - 1) / kPartPositions),
        a_part((end - first + parts - 1) / parts) {}
  LINNET_DEVICE std::uint32_t live_parts() const { return (end - first + a_part - 1) / a_part; }
};

inline constexpr std::uint32_t kLanesAPosition = 8;
inline constexpr std::uint32_t kPositionsAWarp = kWarp / kLanesAPosition;
inline constexpr std::uint32_t kAttendWarps = kAttendThreads / kWarp;
inline constexpr std::uint32_t kOwnPositions = kPartPositions / (kAttendWarps * kPositionsAWarp);

// What a block shares about its heads. All kAttendGroup of them are computed, with zeros for those that are not there:
// a branch for each would cost more.
struct AttendRoom {
  Words4 queries[kAttendGroup * kLargestHead / 4];  // [heads, key_width]
  Words4 scores[kAttendGroup][kPartPositions / 4];  // Then weights; 0 of heads that are not there.
  float maxima[kAttendGroup];
  float sums[kAttendGroup];
  float shrinks[kAttendGroup];  // What the sums so far are multiplied by.
};

// Products of all queries with the keys of one run: eight lanes a position. All loads of 128 numbers are under way at
// once.
template <class Row>
LINNET_DEVICE void score_run(const AttendPartsParameters& p, AttendRoom& room, const std::uint16_t* keys,
                             std::uint32_t run, const Sight& sight) {
  constexpr std::uint32_t kFours = 4;
  const std::uint32_t width = p.shape.key_width;
  const std::uint32_t part = lane_index() % kLanesAPosition;
  const std::uint32_t own = warp_index() * kPositionsAWarp + lane_index() / kLanesAPosition;
  float sums[kOwnPositions][kAttendGroup] = {};
  for (std::uint32_t first = 4 * part; first < width; first += 4 * kLanesAPosition * kFours) {
    typename Row::Four fours[kOwnPositions][kFours];
    LINNET_UNROLL
    for (std::uint32_t k = 0; k < kOwnPositions; ++k) {
      const std::uint32_t j = own + k * kAttendWarps * kPositionsAWarp;
      const std::uint32_t position = run * kPartPositions + j;
      LINNET_UNROLL
      for (std::uint32_t n = 0; n < kFours; ++n) {
        const std::uint32_t i = first + n * 4 * kLanesAPosition;
        const bool exists = position < sight.end && i < width;
        fours[k][n] =
            exists ? Row::four(keys + static_cast<std::size_t>(j) * p.place.key_row, i) : typename Row::Four{};
      }
    }
    LINNET_UNROLL
    for (std::uint32_t n = 0; n < kFours; ++n) {
      const std::uint32_t i = first + n * 4 * kLanesAPosition;
      if (i >= width) continue;
      float key[kOwnPositions][4];
      LINNET_UNROLL
      for (std::uint32_t k = 0; k < kOwnPositions; ++k) {
        LINNET_UNROLL
        for (std::uint32_t c = 0; c < 4; ++c) {
          key[k][c] = Row::number(fours[k][n], c);
        }
      }
      LINNET_UNROLL
      for (std::uint32_t h = 0; h < kAttendGroup; ++h) {
        const Words4 query = room.queries[(h * width + i) / 4];
        LINNET_UNROLL
        for (std::uint32_t k = 0; k < kOwnPositions; ++k) {
          LINNET_UNROLL
          for (std::uint32_t c = 0; c < 4; ++c) {
            sums[k][h] = fused(float_of(query.word[c]), key[k][c], sums[k][h]);
          }
        }
      }
    }
  }
  LINNET_UNROLL
  for (std::uint32_t k = 0; k < kOwnPositions; ++k) {
    const std::uint32_t j = own + k * kAttendWarps * kPositionsAWarp;
    const std::uint32_t position = run * kPartPositions + j;
    const bool seen = position >= sight.begin && position < sight.end;
    const std::uint16_t* const row = keys + static_cast<std::size_t>(j) * p.place.key_row;
    const float scale = seen ? product(p.shape.scale, Row::scale(row, p.place.key_row)) : 0.0F;
    LINNET_UNROLL
    for (std::uint32_t h = 0; h < kAttendGroup; ++h) {
      float sum = sums[k][h];
      LINNET_UNROLL
      for (std::uint32_t mask = kLanesAPosition / 2; mask != 0; mask /= 2) sum += shuffle_xor(sum, mask);
      if (part == 0) room.scores[h][j / 4].word[j % 4] = seen ? bits_of(sum * scale) : 0xFF800000U;
    }
  }
}

// Scores become weights relative to the maximum so far, times the scales of the values that they weigh: a warp a head
// by turns, a lane a position. What is not seen has the weight 0, whatever lies there.
template <class Row>
LINNET_DEVICE void weigh_run(AttendRoom& room, std::uint32_t heads, const std::uint16_t* values, std::uint32_t stride) {
  static_assert(kPartPositions == kWarp);
  const std::uint32_t lane = lane_index();
  for (std::uint32_t h = warp_index(); h < kAttendGroup; h += kAttendWarps) {
    std::uint32_t& score = room.scores[h][lane / 4].word[lane % 4];
    if (h >= heads) {
      score = 0;
      continue;
    }
    const float maximum = larger(room.maxima[h], warp_maximum(float_of(score)));
    const float weight = exponential(float_of(score) - maximum);
    score = weight > 0.0F ? bits_of(weight * Row::scale(values + static_cast<std::size_t>(lane) * stride, stride)) : 0;
    const float sum = warp_sum(weight);
    const float shrink = exponential(room.maxima[h] - maximum);
    synchronise_warp();  // All lanes have read the maximum.
    if (lane == 0) {
      room.shrinks[h] = shrink;
      room.sums[h] = fused(room.sums[h], shrink, sum);
      room.maxima[h] = maximum;
    }
  }
}

// Numbers of the output that a thread has of each head.
inline constexpr std::uint32_t kOwnValues = kLargestHead / kAttendThreads;
struct AttendSums {
  float sum[kOwnValues][kAttendGroup];
};

template <class Row>
LINNET_DEVICE void add_values(const AttendPartsParameters& p, const AttendRoom& room, const std::uint16_t* values,
                              std::uint32_t first, std::uint32_t end, AttendSums& sums) {
  constexpr std::uint32_t kLoads = 16;  // Under way at a time.
  LINNET_UNROLL
  for (std::uint32_t own = 0; own < kOwnValues; ++own) {
    const std::uint32_t d = thread_index() + own * kAttendThreads;
    if (d >= p.shape.value_width) continue;
    LINNET_UNROLL
    for (std::uint32_t h = 0; h < kAttendGroup; ++h) sums.sum[own][h] *= room.shrinks[h];
    for (std::uint32_t j = 0; j < kPartPositions; j += kLoads) {
      float value[kLoads];
      LINNET_UNROLL
      for (std::uint32_t i = 0; i < kLoads; ++i) {
        const bool seen = j + i >= first && j + i < end;
        value[i] = seen ? Row::number(values + static_cast<std::size_t>(j + i) * p.place.value_row, d) : 0.0F;
      }
      LINNET_UNROLL
      for (std::uint32_t h = 0; h < kAttendGroup; ++h) {
        LINNET_UNROLL
        for (std::uint32_t i = 0; i < kLoads; i += 4) {
          const Words4 weights = room.scores[h][(j + i) / 4];
          LINNET_UNROLL
          for (std::uint32_t c = 0; c < 4; ++c) {
            sums.sum[own][h] = fused(float_of(weights.word[c]), value[i + c], sums.sum[own][h]);
          }
        }
      }
    }
  }
}

LINNET_DEVICE void put_part(const AttendPartsParameters& p, const AttendRoom& room, std::uint32_t first_head,
                            std::uint32_t heads, const AttendSums& sums) {
  const std::size_t first = (static_cast<std::size_t>(block_z()) * p.shape.heads + first_head) * p.parts + block_x();
  if (thread_index() < heads) {
    p.maxima[first + thread_index() * p.parts] = room.maxima[thread_index()];
    p.sums[first + thread_index() * p.parts] = room.sums[thread_index()];
  }
  LINNET_UNROLL
  for (std::uint32_t own = 0; own < kOwnValues; ++own) {
    const std::uint32_t d = thread_index() + own * kAttendThreads;
    if (d >= p.shape.value_width) continue;
    LINNET_UNROLL
    for (std::uint32_t h = 0; h < kAttendGroup; ++h) {
      if (h < heads) p.out[(first + h * p.parts) * p.shape.value_width + d] = sums.sum[own][h];
    }
  }
}

template <class Row>
LINNET_DEVICE void attend_parts(const AttendPartsParameters& p, AttendRoom& room) {
  const std::uint32_t row = block_z();
  const Sight sight = sight_of(p.step, p.shape.window, row);
  const PartCut cut(sight, p.parts);
  if (block_x() >= cut.live_parts()) return;
  const std::uint32_t group = p.shape.heads / p.shape.kv_heads;
  const std::uint32_t kv_head = block_y() % p.shape.kv_heads;
  const std::uint32_t before = block_y() / p.shape.kv_heads * kAttendGroup;
  const std::uint32_t heads = smaller(kAttendGroup, group - before);
  const std::uint32_t first_head = kv_head * group + before;
  const float* const queries =
      p.shape.queries + static_cast<std::size_t>(row) * p.shape.query_stride + first_head * p.shape.key_width;
  LINNET_UNROLL
  for (std::uint32_t k = 0; k < kAttendGroup * kLargestHead / kAttendThreads; ++k) {
    const std::uint32_t i = thread_index() + k * kAttendThreads;
    const float query = i < heads * p.shape.key_width ? queries[i] : 0.0F;
    if (i < kAttendGroup * p.shape.key_width) room.queries[i / 4].word[i % 4] = bits_of(query);
  }
  if (thread_index() < kAttendGroup) {
    room.maxima[thread_index()] = -1e30F;  // Below any score, and finite.
    room.sums[thread_index()] = 0.0F;
    room.shrinks[thread_index()] = 0.0F;
  }
  const std::uint32_t sequence = p.step.sequences[row];
  AttendSums sums{};
  const std::uint32_t first = cut.first + block_x() * cut.a_part;
  for (std::uint32_t run = first; run < smaller(first + cut.a_part, cut.end); ++run) {
    const std::uint32_t start = run * kPartPositions;
    synchronise();
    score_run<Row>(p, room, keys_at(p.place, p.step, sequence, start, kv_head), run, sight);
    synchronise();
    const std::uint16_t* const values = values_at(p.place, p.step, sequence, start, kv_head);
    weigh_run<Row>(room, heads, values, p.place.value_row);
    synchronise();
    const std::uint32_t skipped = sight.begin > start ? sight.begin - start : 0;
    add_values<Row>(p, room, values, skipped, smaller(kPartPositions, sight.end - start), sums);
  }
  put_part(p, room, first_head, heads, sums);
}

LINNET_KERNEL(kAttendThreads) linnet_cuda_attend_parts(const AttendPartsParameters p) {
  __shared__ AttendRoom room;
  wait_for_predecessor();
  let_successor_start();
  attend_parts<HalfRow>(p, room);
}

LINNET_KERNEL(kAttendThreads) linnet_cuda_attend_parts_q8(const AttendPartsParameters p) {
  __shared__ AttendRoom room;
  wait_for_predecessor();
  let_successor_start();
  attend_parts<Q8Row>(p, room);
}

// A thread a number: all parts, ascending.
LINNET_KERNEL(kRowThreads) linnet_cuda_attend_merge(const AttendMergeParameters p) {
  wait_for_predecessor();
  let_successor_start();
  const std::uint32_t item = block_x() * kRowThreads + thread_index();
  const std::uint32_t columns = p.heads * p.value_width;
  if (item >= columns) return;
  const std::uint32_t row = block_y();
  const std::uint32_t parts = PartCut(sight_of(p.step, p.window, row), p.parts).live_parts();
  const std::size_t first = (static_cast<std::size_t>(row) * p.heads + item / p.value_width) * p.parts;
  constexpr std::uint32_t kTogether = 8;  // Parts whose loads are under way at once.
  float maximum = -1e30F;
  float sum = 0.0F;
  float out = 0.0F;
  for (std::uint32_t from = 0; from < parts; from += kTogether) {
    float maxima[kTogether];
    float sums[kTogether];
    float outs[kTogether];
    LINNET_UNROLL
    for (std::uint32_t k = 0; k < kTogether; ++k) {
      const bool lives = from + k < parts;
      const std::size_t at = first + from + k;
      maxima[k] = lives ? p.maxima[at] : -1e30F;
      sums[k] = lives ? p.sums[at] : 0.0F;
      outs[k] = lives ? p.part_out[at * p.value_width + item % p.value_width] : 0.0F;
    }
    float next = maximum;
    LINNET_UNROLL
    for (std::uint32_t k = 0; k < kTogether; ++k) next = larger(next, maxima[k]);
    const float shrink = exponential(maximum - next);
    sum *= shrink;
    out *= shrink;
    maximum = next;
    LINNET_UNROLL
    for (std::uint32_t k = 0; k < kTogether; ++k) {
      const float weight = exponential(maxima[k] - maximum);
      sum = fused(sums[k], weight, sum);
      out = fused(outs[k], weight, out);
    }
  }
  const float x = out / sum;
  p.out[static_cast<std::size_t>(row) * p.out_stride + item] = x;
  if (p.quantised.values != nullptr) put_quantised(p.quantised, row, columns, item, x);
}

}  // namespace linnet::kernels::cuda
