#include "kernels/formats/q5_k.h"

#include "kernels/formats/block_code.h"
#include "kernels/formats/fifth_bits.h"
#include "kernels/formats/super_block.h"

namespace linnet::kernels {
namespace {

void add_fifth_bits(std::uint32_t bits, PartCodes& codes) {
  for (std::size_t i = 0; i < 32; ++i) codes[i] |= static_cast<std::uint8_t>(((bits >> i) & 1U) << 4U);
}

std::uint32_t fifth_bits_of(const PartCodes& codes) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < 32; ++i) bits |= (codes[i] >> 4U & 1U) << i;
  return bits;
}

WithMinima read(const std::byte* bytes) {
  const auto block = load<Q5_KBlock>(bytes);
  WithMinima numbers{block.scale, block.minimum, SubScales::read(block.sub_scales), {}};
  for (std::size_t j = 0; j < kParts; ++j) {
    numbers.codes[j] = part_nibbles(block.nibbles, j);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 32; ++i) bits |= (block.fifth_bits[i] >> j & 1U) << i;
    add_fifth_bits(bits, numbers.codes[j]);
  }
  return numbers;
}

void write(const WithMinima& numbers, std::byte* bytes) {
  Q5_KBlock block{};
  block.scale = numbers.scale;
  block.minimum = numbers.minimum;
  numbers.sub.write(block.sub_scales);
  for (std::size_t j = 0; j < kParts; ++j) {
    put_part_nibbles(numbers.codes[j], j, block.nibbles);
    const std::uint32_t bits = fifth_bits_of(numbers.codes[j]);
    for (std::size_t i = 0; i < 32; ++i) block.fifth_bits[i] |= static_cast<std::uint8_t>((bits >> i & 1U) << j);
  }
  store(bytes, block);
}

void dequantize(const std::byte* bytes, float* out) {
  const WithMinima numbers = read(bytes);
  for (std::size_t j = 0; j < kParts; ++j) dequantize_part(numbers, j, out + 32 * j);
}

void quantize(const float* in, std::byte* bytes) { write(quantize_with_minima(in, 31), bytes); }

void pack(const std::byte* bytes, std::size_t row, std::byte* panel_block) {
  const WithMinima numbers = read(bytes);
  auto& panel = *reinterpret_cast<Q5_KPanelBlock*>(panel_block);
  panel.scales[row] = numbers.scale;
  panel.minima[row] = numbers.minimum;
  for (std::size_t j = 0; j < kParts; ++j) {
    Q5_KPanelPart& part = panel.parts[j];
    part.sub_scales[row] = numbers.sub.scales[j];
    part.sub_minima[row] = numbers.sub.minima[j];
    put_in_chunks(numbers.codes[j], row, part.chunks);
    pack_fifth_bits(fifth_bits_of(numbers.codes[j]), row, reinterpret_cast<std::byte*>(part.fifth_bits));
  }
}

void unpack(const std::byte* panel_block, std::size_t row, std::byte* bytes) {
  const auto& panel = *reinterpret_cast<const Q5_KPanelBlock*>(panel_block);
  WithMinima numbers{panel.scales[row], panel.minima[row], {}, {}};
  for (std::size_t j = 0; j < kParts; ++j) {
    const Q5_KPanelPart& part = panel.parts[j];
    numbers.sub.scales[j] = part.sub_scales[row] & 63U;
    numbers.sub.minima[j] = part.sub_minima[row] & 63U;
    numbers.codes[j] = take_from_chunks(part.chunks, row);
    add_fifth_bits(unpack_fifth_bits(reinterpret_cast<const std::byte*>(part.fifth_bits), row), numbers.codes[j]);
  }
  write(numbers, bytes);
}

}  // namespace

const BlockCode kQ5_KCode{dequantize, quantize, pack, unpack};

}  // namespace linnet::kernels
