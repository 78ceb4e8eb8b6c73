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

// The weight as a view of its tensor, before its shape is compared with that of the file.
WeightView view_of(const Weight& weight) {
  WeightView view;
  view.rows = weight.rows;
  view.columns = weight.columns;
  view.groups = weight.groups;
  view.group_rows = weight.cut ? weight.cut->rows_a_group : weight.rows;
  view.first_row = weight.cut ? weight.cut->first_row : 0;
  return view;
}

bool is_transposed(const Weight& weight) { return weight.cut && weight.cut->transposed; }

// Kernels start at whole panels.
bool starts_at_panels(const WeightView& view) {
  return view.groups == 1 || (view.group_rows % kernels::kPanelRows == 0 && view.first_row % kernels::kPanelRows == 0 &&
                              view.rows % kernels::kPanelRows == 0);
}

Result<WeightView> find_one(const pack::PackedView& file, const Weight& weight, WeightsFor purpose) {
  LINNET_TRY(const pack::WeightData data, data_of(file, weight.name, purpose));
  WeightView view = view_of(weight);
  const std::size_t rows = view.groups * view.group_rows;
  const std::size_t columns = is_transposed(weight) ? weight.rows : weight.columns;
  if (data.rows != rows || data.columns != columns) {
    return fail(ErrorKind::kMalformed, "tensor '" + weight.name + "' is " + shape_text(data.rows, data.columns) +
                                           " where the model needs " + shape_text(rows, columns));
  }
  view.format = data.format;
  view.in_panels = data.layout == pack::Layout::kPanels;
  view.data = data.data;
  const bool multiplied = weight.use == WeightUse::kMatrix && !is_transposed(weight);
  if (multiplied && view.quantised() && !starts_at_panels(view)) {
    return fail(ErrorKind::kUnsupported, "tensor '" + weight.name + "' has matrices of " + std::to_string(view.rows) +
                                             " rows, which are no multiple of 16; quantised ones must be");
  }
  if (multiplied && view.quantised() && !view.in_panels && purpose == WeightsFor::kRunning) {
    return fail(ErrorKind::kMalformed,
                "tensor '" + weight.name + "' is multiplied and not packed; pack the model again");
  }
  return view;
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
    if (std::ranges::any_of(program.unread, [&](const auto& start) { return name.starts_with(start); })) continue;
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
    if (is_vector(program.weights[i]) && !readable_in_place(view)) numbers += view.rows * view.columns;
  }
  return numbers;
}

namespace {

// Small numbers of a quantised tensor lose nothing to speak of in f16; float32 ones stay what they are.
Format copy_format(const WeightView& view) { return view.format == Format::kF32 ? Format::kF32 : Format::kF16; }

std::size_t copy_bytes(const WeightView& view) {
  return view.groups * view.rows * kernels::row_bytes(copy_format(view), view.columns);
}

// Group by group, row `c` of the tensor's part is column `c` of the copy.
void copy_transposed(const WeightView& view, std::size_t tensor_columns, std::byte* out) {
  const Format format = copy_format(view);
  WeightView tensor = view;
  tensor.columns = tensor_columns;
  std::vector<float> row(tensor_columns);
  std::vector<float> matrix(view.rows * view.columns);
  const std::size_t row_bytes = kernels::row_bytes(format, view.columns);
  for (std::size_t group = 0; group < view.groups; ++group) {
    for (std::size_t c = 0; c < view.columns; ++c) {
      tensor.read_row(view.first_row + group * view.group_rows + c, row.data());
      for (std::size_t r = 0; r < view.rows; ++r) matrix[r * view.columns + c] = row[r];
    }
    for (std::size_t r = 0; r < view.rows; ++r, out += row_bytes) {
      kernels::quantize_row(format, matrix.data() + r * view.columns, view.columns, out);
    }
  }
}

}  // namespace

std::size_t transposed_bytes(const Weights& weights, const Program& program) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < weights.views.size(); ++i) {
    if (is_transposed(program.weights[i])) bytes += copy_bytes(weights.views[i]);
  }
  return bytes;
}

void load_transposed(Weights& weights, const Program& program, std::span<std::byte> copies) {
  for (std::size_t i = 0; i < weights.views.size(); ++i) {
    if (!is_transposed(program.weights[i])) continue;
    WeightView& view = weights.views[i];
    const std::size_t bytes = copy_bytes(view);
    copy_transposed(view, view.rows, copies.data());
    view.format = copy_format(view);
    view.in_panels = false;
    view.data = copies.first(bytes);
    view.group_rows = view.rows;
    view.first_row = 0;
    copies = copies.subspan(bytes);
  }
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
    weights.vectors[i] = copies.data();
    for (std::size_t row = 0; row < view.rows; ++row, copies = copies.subspan(view.columns)) {
      view.read_row(row, copies.data());
    }
  }
}

namespace {

// Of one group. Computed, not the data's size: a file that still needs packing may hold another type.
Bytes group_bytes(const WeightView& view, const Weight& weight) {
  if (weight.use == WeightUse::kTable || is_transposed(weight)) return {};
  const bool panels = view.quantised() && weight.use == WeightUse::kMatrix;
  return Bytes{panels ? kernels::panel_bytes(view.format, view.rows, view.columns)
                      : view.rows * kernels::row_bytes(view.format, view.columns)};
}

}  // namespace

Bytes touched_bytes(const Weights& weights, const Program& program) {
  Bytes touched;
  for (std::size_t i = 0; i < weights.views.size(); ++i) {
    const Weight& weight = program.weights[i];
    touched += Bytes{group_bytes(weights.views[i], weight).count * weight.groups};
  }
  return touched;
}

Bytes bytes_a_token(const Weights& weights, const Program& program) {
  Bytes read;
  for (std::size_t i = 0; i < weights.views.size(); ++i) {
    const Weight& weight = program.weights[i];
    read += Bytes{group_bytes(weights.views[i], weight).count * std::min(weight.groups, weight.groups_a_token)};
  }
  return read;
}

}  // namespace linnet::engine
