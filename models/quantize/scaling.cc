#include "models/quantize/scaling.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "kernels/formats/format.h"

namespace linnet::quantize {
namespace {

constexpr int kSteps = 10;  // Of alpha.

// rms^(step / 10), its geometric mean 1. Inputs that never were anything but zero keep factor 1.
std::vector<float> factors_of(std::span<const float> moments, int step) {
  const double exponent = 0.5 * step / kSteps;
  std::vector<float> factors(moments.size(), 1.0F);
  double logarithms = 0;
  std::size_t used = 0;
  for (const float moment : moments) {
    if (!(moment > 0)) continue;
    logarithms += std::log(double{moment});
    ++used;
  }
  if (used == 0) return factors;
  const double mean = logarithms / static_cast<double>(used);
  for (std::size_t i = 0; i < moments.size(); ++i) {
    if (moments[i] > 0) factors[i] = static_cast<float>(std::exp(exponent * (std::log(double{moments[i]}) - mean)));
  }
  return factors;
}

// What rounding the samples costs at the output if their columns are multiplied by `factors`.
double cost_of(const ScalingSample& sample, std::span<const float> moments, std::span<const float> factors) {
  const std::size_t width = moments.size();
  std::vector<float> importance(width);
  for (std::size_t i = 0; i < width; ++i) importance[i] = moments[i] / (factors[i] * factors[i]);
  std::vector<float> before(width);
  std::vector<float> after(width);
  std::vector<std::byte> coded(kernels::row_bytes(sample.format.format, width));
  double cost = 0;
  for (std::size_t at = 0; at < sample.rows.size(); at += width) {
    for (std::size_t i = 0; i < width; ++i) before[i] = sample.rows[at + i] * factors[i];
    quantize_row(sample.format, before, importance, coded.data());
    kernels::dequantize_row(sample.format.format, coded.data(), width, after.data());
    for (std::size_t i = 0; i < width; ++i) {
      const double difference = double{before[i]} - double{after[i]};
      cost += double{importance[i]} * difference * difference;
    }
  }
  return cost;
}

}  // namespace

std::vector<float> search_factors(std::span<const ScalingSample> samples, std::span<const float> moments) {
  std::vector<float> best;
  double least = 0;
  for (int step = 0; step <= kSteps; ++step) {
    auto factors = factors_of(moments, step);
    double cost = 0;
    for (const ScalingSample& sample : samples) cost += cost_of(sample, moments, factors);
    if (step == 0) {
      least = cost;
    } else if (cost < least) {
      least = cost;
      best = std::move(factors);
    }
  }
  return best;
}

}  // namespace linnet::quantize
