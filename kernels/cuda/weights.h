// How a lane reads panels: four rows of a few columns at a time, for every format that has panels.
//
// A part is 16 rows x 32 columns, one block of activations. Its 4-bit codes are four chunks of 64 bytes, so 16 lanes
// take 16 bytes each: lane 4 c + q gets rows 4 q … 4 q + 3 of chunk c, eight columns. Bytes (Q8_0, Q8_128) are eight
// chunks for 32 lanes, four columns each. What a format adds (minima, sub-scales, upper bits, a code book) is a field
// of its form.
#pragma once

#include "kernels/cuda/device.h"
#include "kernels/formats/format.h"

namespace linnet::kernels::cuda {

enum class Upper : std::uint8_t { kNone, kFifthBits, kTwoBits };

// Where things lie in a panel block, in bytes. Scales (16 f16) lie first, minima behind them.
struct PanelForm {
  std::uint32_t block;       // Bytes.
  std::uint32_t parts;       // Of 32 columns.
  std::uint32_t first_part;  // Where parts start,
  std::uint32_t part;        // and a part's bytes.
  std::uint32_t codes;       // Where codes start in a part; upper bits lie behind 4-bit codes.
  std::int32_t offset;       // A weight is scale * (code - offset).
  bool bytes = false;
  bool minima = false;
  bool sub_scales = false;  // A byte a row: at the part's start; sub-minima (or the second half's) 16 bytes behind.
  Upper upper = Upper::kNone;
  bool code_book = false;
};

template <Format kFormat>
inline constexpr PanelForm kForm{};
template <>
inline constexpr PanelForm kForm<Format::kQ8_0>{
    .block = 544, .parts = 1, .first_part = 32, .part = 512, .codes = 0, .offset = 0, .bytes = true};
template <>
inline constexpr PanelForm kForm<Format::kQ4_0>{
    .block = 288, .parts = 1, .first_part = 32, .part = 256, .codes = 0, .offset = 8};
template <>
inline constexpr PanelForm kForm<Format::kQ4_1>{
    .block = 320, .parts = 1, .first_part = 64, .part = 256, .codes = 0, .offset = 0, .minima = true};
template <>
inline constexpr PanelForm kForm<Format::kQ5_0>{
    .block = 352, .parts = 1, .first_part = 32, .part = 320, .codes = 0, .offset = 16, .upper = Upper::kFifthBits};
template <>
inline constexpr PanelForm kForm<Format::kQ5_1>{.block = 384,
                                                .parts = 1,
                                                .first_part = 64,
                                                .part = 320,
                                                .codes = 0,
                                                .offset = 0,
                                                .minima = true,
                                                .upper = Upper::kFifthBits};
template <>
inline constexpr PanelForm kForm<Format::kIQ4_NL>{
    .block = 288, .parts = 1, .first_part = 32, .part = 256, .codes = 0, .offset = 0, .code_book = true};
template <>
inline constexpr PanelForm kForm<Format::kQ4_K>{.block = 2368,
                                                .parts = 8,
                                                .first_part = 64,
                                                .part = 288,
                                                .codes = 32,
                                                .offset = 0,
                                                .minima = true,
                                                .sub_scales = true};
template <>
inline constexpr PanelForm kForm<Format::kQ5_K>{.block = 2880,
                                                .parts = 8,
                                                .first_part = 64,
                                                .part = 352,
                                                .codes = 32,
                                                .offset = 0,
                                                .minima = true,
                                                .sub_scales = true,
                                                .upper = Upper::kFifthBits};
template <>
inline constexpr PanelForm kForm<Format::kQ6_K>{.block = 3360,
                                                .parts = 8,
                                                .first_part = 32,
                                                .part = 416,
                                                .codes = 32,
                                                .offset = 32,
                                                .sub_scales = true,
                                                .upper = Upper::kTwoBits};
template <>
inline constexpr PanelForm kForm<Format::kQ4_64>{
    .block = 544, .parts = 2, .first_part = 32, .part = 256, .codes = 0, .offset = 8};
template <>
inline constexpr PanelForm kForm<Format::kQ4_128>{
    .block = 1056, .parts = 4, .first_part = 32, .part = 256, .codes = 0, .offset = 8};
template <>
inline constexpr PanelForm kForm<Format::kQ8_128>{
    .block = 2080, .parts = 4, .first_part = 32, .part = 512, .codes = 0, .offset = 0, .bytes = true};

// Four code-book values by four nibbles, each the low bits of a selector's nibble: PTX's byte permutation takes eight
// values at a time, so the nibbles' top bits choose between two.
LINNET_DEVICE std::uint32_t look_up(std::uint32_t nibbles) {
  const std::uint32_t low = permute(0xBFAD9881U, 0xF6EADDCFU, nibbles & 0x7777U);   // -127 -104 -83 -65 -49 -35 -22 -10
  const std::uint32_t high = permute(0x26190D01U, 0x71594535U, nibbles & 0x7777U);  // 1 13 25 38 53 69 89 113
  return permute(low, high, 0x3210U | (nibbles & 0x8888U) >> 1);
}

// What a lane has of one part.
template <Format kFormat>
class LanePart {
 public:
  static constexpr PanelForm kOwn = kForm<kFormat>;
  static constexpr std::uint32_t kLanes = kOwn.bytes ? 32 : 16;  // A part.
  static constexpr std::uint32_t kColumns = kOwn.bytes ? 4 : 8;  // A lane.
  static constexpr std::uint32_t kWords = kOwn.bytes ? 1 : 2;    // Of four codes, a row.
  static constexpr std::uint32_t kPartsAWarp = kWarp / kLanes;
  static constexpr std::uint32_t kScales =
      kOwn.upper == Upper::kTwoBits ? 2 : 1;  // A part and row: one a half, or one.

  // Part `part` of a panel; `chunk` < kLanes / 4, `quad` < 4.
  LINNET_DEVICE void load(const std::byte* panel, std::uint32_t part, std::uint32_t chunk, std::uint32_t quad) {
    constexpr std::uint32_t kParts = kOwn.parts;
    const std::byte* const block = panel + static_cast<std::size_t>(part / kParts) * kOwn.block;
    const std::byte* const own = block + kOwn.first_part + part % kParts * kOwn.part;
    codes_ = load_streaming(own + kOwn.codes + 64 * chunk + 16 * quad);
    scales_ = *reinterpret_cast<const Words2*>(block + 8 * quad);
    if constexpr (kOwn.minima) minima_ = *reinterpret_cast<const Words2*>(block + 32 + 8 * quad);
    if constexpr (kOwn.sub_scales) {
      const std::uint32_t half = kScales == 2 ? chunk / 2 : 0;
      sub_scales_ = *reinterpret_cast<const std::uint32_t*>(own + 16 * half + 4 * quad);
      if constexpr (kOwn.minima) sub_minima_ = *reinterpret_cast<const std::uint32_t*>(own + 16 + 4 * quad);
    }
    if constexpr (kOwn.upper == Upper::kFifthBits) {
      upper_ = *reinterpret_cast<const Words4*>(own + kOwn.codes + 256 + 16 * quad);
    } else if constexpr (kOwn.upper == Upper::kTwoBits) {
      upper_ = *reinterpret_cast<const Words4*>(own + kOwn.codes + 256 + 64 * (chunk / 2) + 16 * quad);
    }
  }

  // Row `row` (0 … 3, a constant): four columns a word. Signed bytes; of unsigned codes, the offset is not yet taken
  // off.
  LINNET_DEVICE void codes(std::uint32_t row, std::uint32_t chunk, std::uint32_t (&words)[kWords]) const {
    const std::uint32_t packed = codes_.word[row];
    if constexpr (kOwn.bytes) {
      words[0] = packed;
    } else if constexpr (kOwn.code_book) {
      const std::uint32_t first = look_up(packed & 0xFFFFU);
      const std::uint32_t second = look_up(packed >> 16);
      words[0] = permute(first, second, 0x6420U);
      words[1] = permute(first, second, 0x7531U);
    } else {
      words[0] = packed & 0x0F0F0F0FU;
      words[1] = packed >> 4 & 0x0F0F0F0FU;
      if constexpr (kOwn.upper == Upper::kFifthBits) {
        const std::uint32_t upper = upper_.word[row] >> (2 * chunk);
        words[0] |= (upper & 0x01010101U) << 4;
        words[1] |= (upper & 0x02020202U) << 3;
      } else if constexpr (kOwn.upper == Upper::kTwoBits) {
        const std::uint32_t upper = upper_.word[row] >> (4 * (chunk % 2));
        words[0] |= (upper & 0x03030303U) << 4;
        words[1] |= (upper & 0x0C0C0C0CU) << 2;
      }
    }
  }

  LINNET_DEVICE float scale(std::uint32_t row) const {
    const float scale = half_of(scales_, row);
    if constexpr (!kOwn.sub_scales) return scale;
    const std::uint32_t byte = sub_scales_ >> (8 * row) & 0xFFU;
    if constexpr (kOwn.upper == Upper::kTwoBits) return scale * static_cast<float>(static_cast<std::int8_t>(byte));
    return scale * static_cast<float>(byte);
  }

  // What is added to every weight of the row.
  LINNET_DEVICE float minimum(std::uint32_t row) const {
    const float minimum = half_of(minima_, row);
    if constexpr (!kOwn.sub_scales) return minimum;
    return -(minimum * static_cast<float>(sub_minima_ >> (8 * row) & 0xFFU));
  }

  // Both as f16, two at once.
  LINNET_DEVICE std::uint32_t scale_twice(std::uint32_t row) const {
    if constexpr (!kOwn.sub_scales) return twice(scales_, row);
    return float_to_half(scale(row)) * 0x10001U;
  }
  LINNET_DEVICE std::uint32_t minimum_twice(std::uint32_t row) const {
    if constexpr (!kOwn.sub_scales) return twice(minima_, row);
    return float_to_half(minimum(row)) * 0x10001U;
  }

 private:
  LINNET_DEVICE static std::uint32_t twice(const Words2& halves, std::uint32_t row) {
    return permute(halves.word[row / 2], 0, row % 2 == 0 ? 0x1010U : 0x3232U);
  }
  LINNET_DEVICE static float half_of(const Words2& halves, std::uint32_t row) {
    return half_to_float(static_cast<std::uint16_t>(halves.word[row / 2] >> (16 * (row % 2))));
  }

  Words4 codes_;
  Words2 scales_;
  Words2 minima_;
  std::uint32_t sub_scales_;
  std::uint32_t sub_minima_;
  Words4 upper_;
};

// Blocks of columns of a panel, in bytes.
template <Format kFormat>
LINNET_DEVICE std::size_t panel_size(std::uint32_t columns) {
  constexpr std::uint32_t kParts = kForm<kFormat>.parts;
  constexpr std::uint32_t kBlock = kForm<kFormat>.block;
  return static_cast<std::size_t>(columns / (32 * kParts)) * kBlock;
}

}  // namespace linnet::kernels::cuda
