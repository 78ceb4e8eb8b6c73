// Everything that a model has in a device's memory: measured for the plan and taken by the same code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kernels/cuda/launch.h"
#include "runtime/engine/cuda/device_arena.h"
#include "runtime/engine/cuda/step_inputs.h"
#include "runtime/engine/setup.h"

namespace linnet::engine::cuda {

// The counts that the scratch of a device follows from.
struct DeviceShape {
  std::size_t rows = 0;               // Of a step.
  std::size_t buffer_numbers = 0;     // Activations and, behind them, logits.
  std::size_t quantised_rows = 0;     // Rows that are int8 at a time,
  std::size_t quantised_columns = 0;  // and the widest input of a product with panels, times its terms.
  std::size_t half_columns = 0;       // The widest padded input of a product in f16.
  std::size_t attention_parts = 0;    // Most (row, head, part) of a step,
  std::size_t attention_numbers = 0;  // and with the width of a value.
  std::size_t rotation_pairs = 0;     // Of all rotations together.
  std::size_t input_bytes = 0;        // What is copied to the device before each step.

  [[nodiscard]] static DeviceShape of(const Setup& setup);
};

// Parts into which attention of `rows` rows is cut, of a state with so many KV heads: fewer where there are more rows,
// which keep the device busy by themselves.
[[nodiscard]] std::uint32_t attention_parts(std::size_t context, std::size_t kv_heads, std::size_t rows);

// Addresses on the device.
struct DeviceMap {
  std::vector<std::byte*> matrices;    // One a weight; null where it is not copied, or is a vector.
  std::vector<float*> vectors;         // One a weight; null where it is no vector.
  std::vector<std::uint16_t*> states;  // One a state: its pages.
  float* buffers = nullptr;
  kernels::cuda::Q8Rows quantised{};
  std::uint16_t* halves = nullptr;
  float* half_scales = nullptr;
  float* part_maxima = nullptr;
  float* part_sums = nullptr;
  float* part_out = nullptr;
  double* frequencies = nullptr;  // One rotation behind the other, as are [rows, pairs]:
  float* cosines = nullptr;
  float* sines = nullptr;
  std::byte* inputs = nullptr;
};

// Stands where a DeviceArena will stand.
class DeviceMeasure {
 public:
  [[nodiscard]] DeviceAddress take(std::size_t bytes) {
    layout_.take(bytes);
    return 0;
  }
  [[nodiscard]] const ChunkLayout& layout() const { return layout_; }

 private:
  ChunkLayout layout_;
};

template <class T, class Source>
[[nodiscard]] T* take(Source& source, std::size_t count) {
  return device_pointer<T>(source.take(count * sizeof(T)));
}

// Whether kernels read the weight as a matrix: a table that is only looked up stays in the file, where the processor
// reads the step's rows.
[[nodiscard]] inline bool is_matrix(const models::Weight& weight) { return weight.use == models::WeightUse::kMatrix; }

// As it lies in panels, also where the file still has to be packed.
[[nodiscard]] inline std::size_t matrix_bytes(const WeightView& view) {
  return view.quantised() ? kernels::panel_bytes(view.format, view.rows, view.columns)
                          : view.rows * kernels::row_bytes(view.format, view.columns);
}

template <class Source>
void take_matrices(Source& source, const Setup& setup, DeviceMap& map) {
  for (std::size_t i = 0; i < setup.program.weights.size(); ++i) {
    const bool copied = is_matrix(setup.program.weights[i]);
    map.matrices.push_back(copied ? take<std::byte>(source, matrix_bytes(setup.weights.views[i])) : nullptr);
  }
}

template <class Source>
void take_vectors(Source& source, const Setup& setup, DeviceMap& map) {
  for (const models::Weight& weight : setup.program.weights) {
    const bool vector = weight.use == models::WeightUse::kVector;
    map.vectors.push_back(vector ? take<float>(source, weight.columns) : nullptr);
  }
}

template <class Source>
void take_cache(Source& source, const Setup& setup, DeviceMap& map) {
  for (const models::State& state : setup.program.states) {
    const auto& cache = std::get<models::KvCache>(state);
    const std::size_t ring = ring_pages(cache, setup.cache);
    const std::size_t pages = ring != 0 ? ring * setup.cache.sequences : setup.cache.pages;
    map.states.push_back(take<std::uint16_t>(source, pages * page_numbers(cache, setup.cache.format)));
  }
}

template <class Source>
void take_scratch(Source& source, const DeviceShape& shape, DeviceMap& map) {
  map.buffers = take<float>(source, shape.buffer_numbers);
  map.quantised.values = take<std::int8_t>(source, shape.quantised_rows * shape.quantised_columns);
  map.quantised.scales = take<float>(source, shape.quantised_rows * shape.quantised_columns / 32);
  map.halves = take<std::uint16_t>(source, shape.rows * shape.half_columns);
  map.half_scales = take<float>(source, shape.rows);
  map.part_maxima = take<float>(source, shape.attention_parts);
  map.part_sums = take<float>(source, shape.attention_parts);
  map.part_out = take<float>(source, shape.attention_numbers);
  map.frequencies = take<double>(source, shape.rotation_pairs);
  map.cosines = take<float>(source, shape.rows * shape.rotation_pairs);
  map.sines = take<float>(source, shape.rows * shape.rotation_pairs);
  map.inputs = take<std::byte>(source, shape.input_bytes);
}

// `copy_matrices`: else they are read where the file is mapped.
template <class Source>
[[nodiscard]] DeviceMap take_all(Source& source, const Setup& setup, const DeviceShape& shape, bool copy_matrices) {
  DeviceMap map;
  if (copy_matrices) take_matrices(source, setup, map);
  take_vectors(source, setup, map);
  take_cache(source, setup, map);
  take_scratch(source, shape, map);
  return map;
}

}  // namespace linnet::engine::cuda
