#include "models/quantize/tensor_coder.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "models/pack/layout.h"

namespace linnet::quantize {
namespace {

double relative_root(double lost, double energy) { return energy > 0 ? std::sqrt(lost / energy) : 0.0; }

}  // namespace

void Loss::add(const Loss& other) {
  energy += other.energy;
  lost += other.lost;
  output_energy += other.output_energy;
  output_lost += other.output_lost;
}

double Loss::relative() const { return relative_root(lost, energy); }
double Loss::relative_output() const { return relative_root(std::max(output_lost, 0.0), output_energy); }

TensorCoder::TensorCoder(const gguf::Tensor& tensor, gguf::TensorType to, const Changes& changes,
                         const InputKnowledge& input)
    : tensor_(tensor),
      from_(*pack::kept_format(tensor.type->type)),
      to_(*pack::kept_format(to)),
      search_(symmetric_format(to_)),
      columns_(static_cast<std::size_t>(tensor.columns())),
      changes_(changes),
      input_(input) {}

void TensorCoder::load(std::size_t row, std::span<float> out) const {
  const std::byte* in = tensor_.data.data() + row * kernels::row_bytes(from_, columns_);
  kernels::dequantize_row(from_, in, columns_, out.data());
  if (changes_.factors == nullptr) return;
  const auto& [columns, rows] = *changes_.factors;
  for (std::size_t i = 0; i < columns.size(); ++i) out[i] *= columns[i];
  if (rows.empty()) return;
  for (float& value : out) value *= rows[row];
}

// Zeroes the least of a row: by magnitude, or where the input is known by what they bring to the output (Wanda, Sun et
// al. 2023).
void TensorCoder::prune(std::span<float> row) const {
  const auto count = static_cast<std::size_t>(changes_.pruned * static_cast<double>(row.size()));
  if (count == 0) return;
  std::vector<std::pair<float, std::size_t>> sizes(row.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    const float moment = input_.moments.empty() ? 1.0F : input_.moments[i];
    sizes[i] = {row[i] * row[i] * moment, i};
  }
  std::nth_element(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(count - 1), sizes.end());
  for (std::size_t i = 0; i < count; ++i) row[sizes[i].second] = 0.0F;
}

void TensorCoder::code_rows(ConstTensorView rows, std::byte* out) const {
  if (search_ && input_.plan != nullptr) return quantize_with_feedback(*input_.plan, *search_, rows, out);
  for (std::size_t r = 0; r < rows.rows(); ++r, out += row_bytes()) {
    if (search_) {
      quantize_row(*search_, rows.row(r), input_.moments, out);
    } else {
      kernels::quantize_row(to_, rows.row(r).data(), columns_, out);
    }
  }
}

Loss TensorCoder::code(std::size_t first, std::size_t count, std::byte* out) const {
  assert(count <= kFeedbackRows);
  std::vector<float> before(count * columns_);
  for (std::size_t r = 0; r < count; ++r) load(first + r, std::span(before).subspan(r * columns_, columns_));
  std::vector<float> after = before;
  if (changes_.pruned > 0) {
    for (std::size_t r = 0; r < count; ++r) prune(std::span(after).subspan(r * columns_, columns_));
  }
  code_rows({after.data(), count, columns_}, out);
  for (std::size_t r = 0; r < count; ++r) {
    decode(out + r * row_bytes(), std::span(after).subspan(r * columns_, columns_));
  }
  Loss loss;
  for (std::size_t i = 0; i < before.size(); ++i) {
    after[i] = before[i] - after[i];
    loss.energy += double{before[i]} * double{before[i]};
    loss.lost += double{after[i]} * double{after[i]};
  }
  if (input_.gram != nullptr) {
    loss.output_energy = input_.gram->energy_of({before.data(), count, columns_});
    loss.output_lost = input_.gram->energy_of({after.data(), count, columns_});
  }
  return loss;
}

}  // namespace linnet::quantize
