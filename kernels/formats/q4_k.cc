#include "kernels/formats/q4_k.h"

#include "kernels/formats/block_code.h"
#include "kernels/formats/super_block.h"

namespace linnet::kernels {
namespace {

WithMinima read(const std::byte* bytes) {
  const auto block = load<Q4_KBlock>(bytes);
  WithMinima numbers{block.scale, block.minimum, SubScales::read(block.sub_scales), {}};
  for (std::size_t j = 0; j < kParts; ++j) numbers.codes[j] = part_nibbles(block.nibbles, j);
  return numbers;
}

void write(const WithMinima& numbers, std::byte* bytes) {
  Q4_KBlock block{};
  block.scale = numbers.scale;
  block.minimum = numbers.minimum;
  numbers.sub.write(block.sub_scales);
  for (std::size_t j = 0; j < kParts; ++j) put_part_nibbles(numbers.codes[j], j, block.nibbles);
  store(bytes, block);
}

void dequantize(const std::byte* bytes, float* out) {
  const WithMinima numbers = read(bytes);
  for (std::size_t j = 0; j < kParts; ++j) dequantize_part(numbers, j, out + 32 * j);
}

void quantize(const float* in, std::byte* bytes) { write(quantize_with_minima(in, 15), bytes); }

// A panel block has only byte-sized members from 32-byte boundaries on and 16-bit ones before: it is filled in place.
void pack(const std::byte* bytes, std::size_t row, std::byte* panel_block) {
  const WithMinima numbers = read(bytes);
  auto& panel = *reinterpret_cast<Q4_KPanelBlock*>(panel_block);
  panel.scales[row] = numbers.scale;
  panel.minima[row] = numbers.minimum;
  for (std::size_t j = 0; j < kParts; ++j) {
    panel.parts[j].sub_scales[row] = numbers.sub.scales[j];
    panel.parts[j].sub_minima[row] = numbers.sub.minima[j];
    put_in_chunks(numbers.codes[j], row, panel.parts[j].chunks);
  }
}

void unpack(const std::byte* panel_block, std::size_t row, std::byte* bytes) {
  const auto& panel = *reinterpret_cast<const Q4_KPanelBlock*>(panel_block);
  WithMinima numbers{panel.scales[row], panel.minima[row], {}, {}};
  for (std::size_t j = 0; j < kParts; ++j) {
    numbers.sub.scales[j] = panel.parts[j].sub_scales[row] & 63U;
    numbers.sub.minima[j] = panel.parts[j].sub_minima[row] & 63U;
    numbers.codes[j] = take_from_chunks(panel.parts[j].chunks, row);
  }
  write(numbers, bytes);
}

}  // namespace

const BlockCode kQ4_KCode{dequantize, quantize, pack, unpack};

}  // namespace linnet::kernels
