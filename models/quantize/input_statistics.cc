#include "models/quantize/input_statistics.h"

#include <string>

namespace linnet::quantize {
namespace {

// Calls add(rows, weight) for the rows that weigh alike.
template <class Add>
void weigh(ConstTensorView in, Rows rows, Add add) {
  const std::size_t first = rows == Rows::kTextStart ? 1 : 0;
  if (first != 0) add(in.rows_from(0, 1), kFirstTokenWeight);
  if (in.rows() > first) add(in.rows_from(first, in.rows() - first), 1.0F);
}

void add_squares(ConstTensorView rows, double weight, std::vector<double>& sums) {
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    const std::span<const float> row = rows.row(r);
    for (std::size_t i = 0; i < row.size(); ++i) sums[i] += weight * double{row[i]} * double{row[i]};
  }
}

}  // namespace

InputStatistics::InputStatistics(Calibration& calibration)
    : calibration_(calibration), inputs_(linear_inputs(calibration.program())) {
  // The output head sees rows only where logits are asked for, which calibration does not.
  std::erase_if(inputs_, [&](const LinearInput& input) {
    const auto& product = std::get<models::MatMul>(program().steps[input.step].operation);
    return program().buffers[static_cast<std::size_t>(product.in)].rows == models::RowsOf::kOutputs;
  });
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    by_step_[inputs_[i].step] = i;
    for (const std::string& weight : inputs_[i].weights) by_weight_[weight] = i;
  }
}

std::optional<std::size_t> InputStatistics::input_of(std::string_view tensor) const {
  const auto found = by_weight_.find(std::string(tensor));
  if (found == by_weight_.end()) return std::nullopt;
  return found->second;
}

Result<void> InputStatistics::measure_moments() {
  std::vector<std::vector<double>> sums(inputs_.size());
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i].resize(inputs_[i].width);
  LINNET_CHECK(calibration_.run([&](std::size_t step, ConstTensorView in, Rows rows) {
    const auto found = by_step_.find(step);
    if (found == by_step_.end()) return;
    weigh(in, rows,
          [&](ConstTensorView alike, float weight) { add_squares(alike, double{weight}, sums[found->second]); });
  }));
  moments_.clear();
  for (const auto& sum : sums) moments_.emplace_back(sum.begin(), sum.end());
  return {};
}

std::vector<std::vector<std::size_t>> InputStatistics::groups(std::uint64_t memory) const {
  std::vector<std::vector<std::size_t>> groups;
  std::uint64_t taken = 0;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const std::uint64_t bytes = sizeof(float) * std::uint64_t{inputs_[i].width} * inputs_[i].width;
    if (groups.empty() || taken + bytes > memory) {
      groups.emplace_back();
      taken = 0;
    }
    groups.back().push_back(i);
    taken += bytes;
  }
  return groups;
}

Result<std::vector<Gram>> InputStatistics::measure(std::span<const std::size_t> group) {
  std::vector<Gram> grams;
  std::unordered_map<std::size_t, std::size_t> place;  // Of a step in the group.
  for (const std::size_t input : group) {
    place[inputs_[input].step] = grams.size();
    grams.emplace_back(inputs_[input].width);
  }
  LINNET_CHECK(calibration_.run([&](std::size_t step, ConstTensorView in, Rows rows) {
    const auto found = place.find(step);
    if (found == place.end()) return;
    weigh(in, rows, [&](ConstTensorView alike, float weight) { grams[found->second].add(alike, weight); });
  }));
  for (Gram& gram : grams) gram.finish();
  return grams;
}

}  // namespace linnet::quantize
