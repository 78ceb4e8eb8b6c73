#include "runtime/engine/weights.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace linnet::engine {
namespace {

using kernels::Format;
using models::Program;
using models::Weight;
using models::WeightUse;

std::string shape_text(std::size_t rows, std::size_t columns) {
  return std::to_string(rows) + " x " + std::to_string(columns);
}

Result<pack::WeightData> data_of(const pack::PackedView& file, std::string_view name, WeightsFor purpose) {
  const pack::PackedTensor* tensor = file.find(name);
  if (purpose == WeightsFor::kRunning || tensor == nullptr) return file.weight(name);
  const auto format = pack::packed_format(tensor->type->type);
  if (!format) return file.weight(name);  // Whose error says what is wrong.
  return pack::WeightData{*format, tensor->layout, static_cast<std::size_t>(tensor->rows()),
                          static_cast<std::size_t>(tensor->columns()), tensor->stored->data};
}

Result<WeightView> find_one(const pack::PackedView& file, const Weight& weight, WeightsFor purpose) {
  LINNET_TRY(const pack::WeightData data, data_of(file, weight.name, purpose));
  if (data.rows != weight.rows || data.columns != weight.columns) {
    return fail(ErrorKind::kMalformed, "tensor '" + weight.name + "' is " + shape_text(data.rows, data.columns) +
                                           " where the model needs " + shape_text(weight.rows, weight.columns));
  }
  return WeightView{data.format, data.layout == pack::Layout::kPanels, data.rows, data.columns, data.data};
}

// Divisors of the rotation's frequencies. Far outside what scaling schemes use, an angle could leave the range in which
// sines are exact.
Result<std::vector<float>> find_factors(const pack::PackedView& file, const models::Rotation& rotation) {
  std::vector<float> factors;
  if (rotation.factors.empty()) return factors;
  const Weight expected{rotation.factors, 1, rotation.dimensions / 2, WeightUse::kVector};
  LINNET_TRY(const WeightView view, find_one(file, expected, WeightsFor::kRunning));
  factors.resize(view.columns);
  view.read_row(0, factors.data());
  const bool sensible = std::all_of(factors.begin(), factors.end(), [](float f) { return f >= 0.05F && f <= 1e6F; });
  if (!sensible)
    return fail(ErrorKind::kMalformed, "tensor '" + rotation.factors + "' holds numbers that divide no angle");
  return factors;
}

Result<void> check_all_known(const pack::PackedView& file, const Program& program) {
  std::set<std::string_view> known;
  for (const Weight& weight : program.weights) known.insert(weight.name);
  for (const models::Rotation& rotation : program.rotations) known.insert(rotation.factors);
  for (const pack::PackedTensor& tensor : file.tensors()) {
    const std::string_view name = tensor.stored->name;
    if (known.contains(name) || pack::is_section(*tensor.stored)) continue;
    return fail(ErrorKind::kUnsupported, "tensor '" + std::string(name) + "' is no part of a '" + program.architecture +
                                             "' model as this build knows it");
  }
  return {};
}

bool readable_in_place(const WeightView& view) {
  return view.format == Format::kF32 && reinterpret_cast<std::uintptr_t>(view.data.data()) % alignof(float) == 0;
}

bool is_vector(const Weight& weight) { return weight.use == WeightUse::kVector; }

}  // namespace

const std::byte* WeightView::from_row(std::size_t row) const {
  return data.data() +
         (in_panels ? kernels::panel_bytes(format, row, columns) : row * kernels::row_bytes(format, columns));
}

void WeightView::read_row(std::size_t row, float* out) const {
  if (in_panels) {
    kernels::dequantize_panel_row(format, data.data(), row, columns, out);
  } else {
    kernels::dequantize_row(format, from_row(row), columns, out);
  }
}

Result<Weights> find_weights(const pack::PackedView& file, const Program& program, WeightsFor purpose) {
  Weights weights;
  weights.views.reserve(program.weights.size());
  for (const Weight& weight : program.weights) {
    LINNET_TRY(const WeightView view, find_one(file, weight, purpose));
    weights.views.push_back(view);
  }
  for (const models::Rotation& rotation : program.rotations) {
    LINNET_TRY(auto factors, find_factors(file, rotation));
    weights.factors.push_back(std::move(factors));
  }
  LINNET_CHECK(check_all_known(file, program));
  return weights;
}

std::size_t copied_vector_numbers(const Weights& weights, const Program& program) {
  std::size_t numbers = 0;
  for (std::size_t i = 0; i < weights.views.size(); ++i) {
    const WeightView& view = weights.views[i];
    if (is_vector(program.weights[i]) && !readable_in_place(view)) numbers += view.columns;
  }
  return numbers;
}

void load_vectors(Weights& weights, const Program& program, std::span<float> copies) {
  weights.vectors.assign(weights.views.size(), nullptr);
  for (std::size_t i = 0; i < weights.views.size(); ++i) {
    const WeightView& view = weights.views[i];
    if (!is_vector(program.weights[i])) continue;
    if (readable_in_place(view)) {
      weights.vectors[i] = reinterpret_cast<const float*>(view.data.data());
      continue;
    }
    view.read_row(0, copies.data());
    weights.vectors[i] = copies.data();
    copies = copies.subspan(view.columns);
  }
}

Bytes touched_bytes(const Weights& weights, const Program& program) {
  Bytes touched;
  for (std::size_t i = 0; i < weights.views.size(); ++i) {
    const WeightView& view = weights.views[i];
    if (program.weights[i].use == WeightUse::kTable) continue;
    // Computed, not the data's size: a file that still needs packing may hold another type.
    const bool panels = view.quantised() && program.weights[i].use == WeightUse::kMatrix;
    touched += Bytes{panels ? kernels::panel_bytes(view.format, view.rows, view.columns)
                            : view.rows * kernels::row_bytes(view.format, view.columns)};
  }
  return touched;
}

}  // namespace linnet::engine
