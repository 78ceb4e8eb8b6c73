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
    keys_at(p.place, p.step, sequence, position, head, p.key_width)[item % p.key_width] =
        float_to_half(p.keys[static_cast<std::size_t>(row) * p.key_stride + item]);
  } else if (p.values != nullptr && item - keys < p.kv_heads * p.value_width) {
    const std::uint32_t number = item - keys;
    const std::uint32_t head = number / p.value_width;
    values_at(p.place, p.step, sequence, position, head, p.value_width)[number % p.value_width] =
        float_to_half(p.values[static_cast<std::size_t>(row) * p.value_stride + number]);
  }
}

// How a row's positions are cut: whole runs of kAttendPositions, as many to each part but the last.
struct PartCut {
  std::uint32_t first;  // Run.
  std::uint32_t end;
  std::uint32_t a_part;  // Runs.

  LINNET_DEVICE PartCut(const Sight& sight, std::uint32_t parts)
      : first(sight.begin / kAttendPositions),
        end((sight.end + kAttendPositions - 1) / kAttendPositions),
        a_part((end - first + parts - 1) / parts) {}
  LINNET_DEVICE std::uint32_t live_parts() const { return (end - first + a_part - 1) / a_part; }
};

inline constexpr std::uint32_t kLanesAPosition = 8;
inline constexpr std::uint32_t kPositionsAWarp = kWarp / kLanesAPosition;
inline constexpr std::uint32_t kAttendWarps = kAttendThreads / kWarp;

// What a block shares about its heads.
struct AttendRoom {
  float queries[kAttendGroup][kLargestHead];
  float scores[kAttendGroup][kAttendPositions];
  float maxima[kAttendGroup];
  float sums[kAttendGroup];
  float shrinks[kAttendGroup];  // What the sums so far are multiplied by.
};

// Products of all queries with the keys of one run: eight lanes a position.
LINNET_DEVICE void score_run(const AttendPartsParameters& p, AttendRoom& room, std::uint32_t heads,
                             const std::uint16_t* keys, std::uint32_t run, const Sight& sight) {
  const std::uint32_t width = p.shape.key_width;
  const std::uint32_t part = lane_index() % kLanesAPosition;
  for (std::uint32_t j = warp_index() * kPositionsAWarp + lane_index() / kLanesAPosition; j < kAttendPositions;
       j += kAttendWarps * kPositionsAWarp) {
    const std::uint32_t position = run * kAttendPositions + j;
    const bool seen = position >= sight.begin && position < sight.end;
    float sums[kAttendGroup] = {};
    for (std::uint32_t i = 4 * part; seen && i < width; i += 4 * kLanesAPosition) {
      const Words2 four = *reinterpret_cast<const Words2*>(keys + static_cast<std::size_t>(j) * width + i);
      float key[4];
      LINNET_UNROLL
      for (std::uint32_t c = 0; c < 4; ++c) {
        key[c] = half_to_float(static_cast<std::uint16_t>(four.word[c / 2] >> (16 * (c % 2))));
      }
      LINNET_UNROLL
      for (std::uint32_t h = 0; h < kAttendGroup; ++h) {
        LINNET_UNROLL
        for (std::uint32_t c = 0; c < 4; ++c) {
          if (h < heads) sums[h] = fused(room.queries[h][i + c], key[c], sums[h]);
        }
      }
    }
    LINNET_UNROLL
    for (std::uint32_t h = 0; h < kAttendGroup; ++h) {
      if (h >= heads) continue;
      LINNET_UNROLL
      for (std::uint32_t mask = kLanesAPosition / 2; mask != 0; mask /= 2) sums[h] += shuffle_xor(sums[h], mask);
      if (part == 0) room.scores[h][j] = seen ? sums[h] * p.shape.scale : float_of(0xFF800000U);
    }
  }
}

// Scores become weights relative to the maximum so far: a warp a head by turns.
LINNET_DEVICE void weigh_run(AttendRoom& room, std::uint32_t heads) {
  for (std::uint32_t h = warp_index(); h < heads; h += kAttendWarps) {
    const std::uint32_t lane = lane_index();
    float scores[kAttendPositions / kWarp];
    float maximum = room.maxima[h];
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < kAttendPositions / kWarp; ++i) {
      scores[i] = room.scores[h][lane + kWarp * i];
      maximum = larger(maximum, scores[i]);
    }
    maximum = warp_maximum(maximum);
    float sum = 0.0F;
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < kAttendPositions / kWarp; ++i) {
      const float weight = exponential(scores[i] - maximum);
      room.scores[h][lane + kWarp * i] = weight;
      sum += weight;
    }
    sum = warp_sum(sum);
    if (lane == 0) {
      room.shrinks[h] = exponential(room.maxima[h] - maximum);
      room.sums[h] = fused(room.sums[h], room.shrinks[h], sum);
      room.maxima[h] = maximum;
    }
  }
}

// Numbers of the output that a thread has of each head.
inline constexpr std::uint32_t kOwnValues = kLargestHead / kAttendThreads;
struct AttendSums {
  float sum[kOwnValues][kAttendGroup];
};

LINNET_DEVICE void add_values(const AttendPartsParameters& p, const AttendRoom& room, std::uint32_t heads,
                              const std::uint16_t* values, std::uint32_t stride, std::uint32_t first, std::uint32_t end,
                              AttendSums& sums) {
  LINNET_UNROLL
  for (std::uint32_t own = 0; own < kOwnValues; ++own) {
    const std::uint32_t d = thread_index() + own * kAttendThreads;
    if (d >= p.shape.value_width) continue;
    LINNET_UNROLL
    for (std::uint32_t h = 0; h < kAttendGroup; ++h) {
      if (h < heads) sums.sum[own][h] *= room.shrinks[h];
    }
    for (std::uint32_t j = first; j < end; ++j) {
      const float value = half_to_float(values[static_cast<std::size_t>(j) * stride + d]);
      LINNET_UNROLL
      for (std::uint32_t h = 0; h < kAttendGroup; ++h) {
        if (h < heads) sums.sum[own][h] = fused(room.scores[h][j], value, sums.sum[own][h]);
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

LINNET_KERNEL(kAttendThreads) linnet_cuda_attend_parts(const AttendPartsParameters p) {
  __shared__ AttendRoom room;
  wait_for_predecessor();
  let_successor_start();
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
  for (std::uint32_t i = thread_index(); i < heads * p.shape.key_width; i += kAttendThreads) {
    room.queries[i / p.shape.key_width][i % p.shape.key_width] = queries[i];
  }
  if (thread_index() < heads) {
    room.maxima[thread_index()] = -1e30F;  // Below any score, and finite.
    room.sums[thread_index()] = 0.0F;
  }
  const std::uint32_t sequence = p.step.sequences[row];
  const bool own_values = p.place.values != 0;
  const std::uint32_t value_stride = own_values ? p.shape.value_width : p.shape.key_width;
  AttendSums sums{};
  const std::uint32_t first = cut.first + block_x() * cut.a_part;
  for (std::uint32_t run = first; run < smaller(first + cut.a_part, cut.end); ++run) {
    const std::uint32_t start = run * kAttendPositions;
    synchronise();
    score_run(p, room, heads, keys_at(p.place, p.step, sequence, start, kv_head, p.shape.key_width), run, sight);
    synchronise();
    weigh_run(room, heads);
    synchronise();
    const std::uint32_t skipped = sight.begin > start ? sight.begin - start : 0;
    add_values(p, room, heads, values_at(p.place, p.step, sequence, start, kv_head, value_stride), value_stride,
               skipped, smaller(kAttendPositions, sight.end - start), sums);
  }
  put_part(p, room, first_head, heads, sums);
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
  float maximum = p.maxima[first];
  for (std::uint32_t i = 1; i < parts; ++i) maximum = larger(maximum, p.maxima[first + i]);
  float sum = 0.0F;
  float out = 0.0F;
  for (std::uint32_t i = 0; i < parts; ++i) {
    const float weight = exponential(p.maxima[first + i] - maximum);
    sum = fused(p.sums[first + i], weight, sum);
    out = fused(p.part_out[(first + i) * p.value_width + item % p.value_width], weight, out);
  }
  const float x = out / sum;
  p.out[static_cast<std::size_t>(row) * p.out_stride + item] = x;
  if (p.quantised.values != nullptr) put_quantised(p.quantised, row, columns, item, x);
}

}  // namespace linnet::kernels::cuda
