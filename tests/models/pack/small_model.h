// A small model file for the packer's tests: every format that is kept, odd row counts, random blocks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "models/gguf/writer.h"

namespace linnet::pack {

struct TensorSpec {
  std::string_view name;
  gguf::TensorType type;
  std::vector<std::uint64_t> dims;
};

// A file with these tensors, random bytes inside (any bytes are valid blocks), written by the ordinary writer.
inline std::vector<std::byte> model_of(std::span<const TensorSpec> tensors, std::uint32_t alignment = 32,
                                       bool alignment_key = false) {
  gguf::Writer writer(alignment);
  writer.set_string("general.architecture", "llama");
  if (alignment_key) writer.set_u32("general.alignment", alignment);
  writer.set_u32("llama.block_count", 1);
  for (const auto& tensor : tensors) (void)writer.add_tensor(tensor.name, tensor.type, tensor.dims);
  gguf::MemorySink sink;
  (void)writer.begin(sink);
  std::mt19937 random(7);
  for (std::size_t i = 0; i < writer.tensor_count(); ++i) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(writer.tensor_bytes(i)));
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    (void)writer.write(sink, i, 0, bytes);
  }
  return {sink.bytes().begin(), sink.bytes().end()};
}

inline std::vector<TensorSpec> every_format() {
  using gguf::TensorType;
  return {{"token_embd.weight", TensorType::kQ8_0, {64, 21}},
          {"output.weight", TensorType::kQ8_0, {64, 21}},
          {"output_norm.weight", TensorType::kF32, {64}},
          {"blk.0.attn_norm.weight", TensorType::kF32, {64}},
          {"blk.0.attn_q.weight", TensorType::kQ4_0, {64, 64}},
          {"blk.0.attn_k.weight", TensorType::kQ4_1, {64, 33}},
          {"blk.0.attn_k.bias", TensorType::kF32, {33}},
          {"blk.0.attn_v.weight", TensorType::kF16, {64, 7}},
          {"blk.0.attn_output.weight", TensorType::kBF16, {64, 5}},
          {"blk.0.ffn_up.weight", TensorType::kF32, {40, 6}},
          {"blk.0.ffn_down.weight", TensorType::kQ4_0, {32, 1}},
          {"blk.1.attn_q.weight", TensorType::kQ5_0, {64, 20}},
          {"blk.1.attn_k.weight", TensorType::kQ5_1, {96, 16}},
          {"blk.1.attn_v.weight", TensorType::kIQ4_NL, {32, 18}},
          {"blk.1.ffn_gate.weight", TensorType::kQ4_K, {256, 18}},
          {"blk.1.ffn_up.weight", TensorType::kQ5_K, {512, 17}},
          {"blk.1.ffn_down.weight", TensorType::kQ6_K, {256, 33}},
          {"blk.2.attn_q.weight", TensorType::kQ4_64, {192, 17}},
          {"blk.2.attn_k.weight", TensorType::kQ4_128, {128, 35}},
          {"blk.2.attn_v.weight", TensorType::kQ8_128, {256, 18}},
          {"blk.0.ids", TensorType::kI32, {3}}};
}

}  // namespace linnet::pack
