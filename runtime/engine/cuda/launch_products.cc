// The products of a step: matrix times vectors for few rows, tensor cores for many.
#include <algorithm>
#include <optional>

#include "runtime/engine/cuda/step_launcher.h"

namespace linnet::engine::cuda {

namespace gpu = kernels::cuda;

// Projections of one input and one format, as many as a launch takes.
struct StepLauncher::Product {
  kernels::Format format{};
  bool in_panels = false;
  By by = By::kFewRows;
  Rows in;
  gpu::Q8Rows quantised;
  std::uint32_t count = 0;
  gpu::Projection projections[gpu::kProjections] = {};
};

namespace {

// Float matrices of odd widths go row by row: the tensor cores' loads are 16 bytes.
constexpr std::uint32_t kGemmColumns = 8;

}  // namespace

Result<void> StepLauncher::emit(const models::MatMul& op) {
  const Rows in = rows_of(op.in);
  if (in.count == 0) return {};  // No logits are wanted.
  const gpu::Q8Rows quantised = quantised_rows(op);
  std::optional<bool> prepared;  // For panels, or for floats.
  for (const kernels::Format format : kernels::all_formats()) {
    const bool in_panels = kernels::info(format).panel_block_bytes != 0;
    Product product{
        .format = format, .in_panels = in_panels, .by = multiplied_by(in, in_panels), .in = in, .quantised = quantised};
    const auto multiply_all = [&]() -> Result<void> {
      if (product.count == 0) return {};
      if (prepared != product.in_panels) LINNET_CHECK(prepare_rows(product));
      prepared = product.in_panels;
      LINNET_CHECK(multiply(product));
      product.count = 0;
      return {};
    };
    for (const models::Projection& projection : op.projections) {
      if (parts_.setup.weights.view(projection.weight).format != format) continue;
      product.projections[product.count++] = projection_of(projection);
      if (product.count == gpu::kProjections) LINNET_CHECK(multiply_all());
    }
    LINNET_CHECK(multiply_all());
  }
  return {};
}

gpu::Projection StepLauncher::projection_of(const models::Projection& projection) const {
  const auto weight = static_cast<std::size_t>(projection.weight);
  const Rows out = rows_of(projection.out);
  return {.weight = parts_.map.matrices[weight],
          .bias = projection.bias ? parts_.map.vectors[static_cast<std::size_t>(*projection.bias)] : nullptr,
          .out = out.data,
          .out_stride = out.stride,
          .rows = static_cast<std::uint32_t>(parts_.setup.weights.views[weight].rows),
          .accumulate = projection.accumulate ? 1U : 0U};
}

gpu::Q8Rows StepLauncher::quantised_rows(const models::MatMul& op) const {
  gpu::Q8Rows rows = parts_.map.quantised;
  rows.terms = static_cast<std::uint32_t>(op.terms);
  return rows;
}

// Rows are quantised for panels, unless the operation before has done it, or become halves: rounded as the panels'
// contract says, but not at all where it asks for two terms, which are finer than halves.
Result<void> StepLauncher::prepare_rows(const Product& product) {
  const Rows& in = product.in;
  if (product.by == By::kHalves) {
    return start(gpu::Kernel::kHalfRows,
                 gpu::HalfRowsParameters{.in = in.data,
                                         .out = parts_.map.halves,
                                         .scales = parts_.map.half_scales,
                                         .in_stride = in.stride,
                                         .rows = in.count,
                                         .columns = in.width,
                                         .quantised = product.in_panels && product.quantised.terms == 1 ? 1U : 0U});
  }
  if (!product.in_panels || is_quantised_) return {};
  return start(
      gpu::Kernel::kQuantize,
      gpu::QuantizeParameters{
          .in = in.data, .out = product.quantised, .in_stride = in.stride, .rows = in.count, .width = in.width});
}

StepLauncher::By StepLauncher::multiplied_by(const Rows& in, bool in_panels) const {
  if (takes_few(in)) return By::kFewRows;
  if (in_panels) return parts_.setup.options.cuda.half_prompts ? By::kHalves : By::kInt8;
  return in.width % kGemmColumns == 0 ? By::kHalves : By::kFewRows;
}

template <class Parameters>
Result<void> StepLauncher::multiply_with(gpu::Kernel kernel, const Product& product, Parameters parameters) {
  parameters.rows = product.in.count;
  parameters.columns = product.in.width;
  parameters.projection_count = product.count;
  std::ranges::copy(product.projections, parameters.projections);
  return start(kernel, parameters);
}

Result<void> StepLauncher::multiply(const Product& product) {
  if (product.by == By::kFewRows) return multiply_in_pieces(product);
  if (product.by == By::kInt8) {
    gpu::PanelGemmParameters parameters{};
    parameters.in = product.quantised;
    return multiply_with(gpu::gemm_int8_kernel(product.format), product, parameters);
  }
  gpu::GemmParameters parameters{};
  parameters.in = parts_.map.halves;
  parameters.in_scales = parts_.map.half_scales;
  return multiply_with(gpu::gemm_kernel(product.format), product, parameters);
}

Result<void> StepLauncher::multiply_few(const Product& product) {
  const std::uint32_t terms = product.in_panels ? product.quantised.terms : 1;
  const gpu::Kernel kernel = gpu::matvec_kernel(product.format, product.in.count * terms);
  if (product.in_panels) {
    gpu::MatVecParameters parameters{};
    parameters.in = product.quantised;
    return multiply_with(kernel, product, parameters);
  }
  gpu::FloatMatVecParameters parameters{};
  parameters.in = product.in.data;
  parameters.in_stride = product.in.stride;
  return multiply_with(kernel, product, parameters);
}

// As many rows at a time as a launch takes, their terms counted.
Result<void> StepLauncher::multiply_in_pieces(Product product) {
  const std::uint32_t terms = product.in_panels ? product.quantised.terms : 1;
  for (std::uint32_t left = product.in.count; left != 0; left -= product.in.count) {
    product.in.count = std::min(left, gpu::kMatVecRows / terms);
    LINNET_CHECK(multiply_few(product));
    const std::size_t quantised = std::size_t{product.in.count} * terms * product.in.width;
    product.in.data += std::size_t{product.in.count} * product.in.stride;
    product.quantised.values += quantised;
    product.quantised.scales += quantised / kernels::kActivationBlock;
    for (std::uint32_t i = 0; i < product.count; ++i) {
      product.projections[i].out += std::size_t{product.in.count} * product.projections[i].out_stride;
    }
  }
  return {};
}

}  // namespace linnet::engine::cuda
