#include "runtime/engine/cuda/step_launcher.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace linnet::engine::cuda {

namespace gpu = kernels::cuda;

StepLauncher::StepLauncher(const LauncherParts& parts) : parts_(parts), program_(parts.setup.program) {}

StepLauncher::Rows StepLauncher::rows_of(models::BufferId id) const {
  const auto index = static_cast<std::size_t>(id);
  const PlannedBuffer& planned = parts_.setup.buffers.buffers[index];
  const models::Buffer& buffer = program_.buffers[index];
  return {.data = parts_.map.buffers + planned.offset,
          .stride = static_cast<std::uint32_t>(planned.stride),
          .count = buffer.rows == models::RowsOf::kTokens ? shape_.rows : shape_.outputs,
          .width = static_cast<std::uint32_t>(buffer.width)};
}

const models::Step* StepLauncher::next_step() const {
  return index_ + 1 < program_.steps.size() ? &program_.steps[index_ + 1] : nullptr;
}

// Where the next operation multiplies `out` by panels in int8, the kernel that writes it also quantises it.
gpu::Q8Rows StepLauncher::quantised_for_next(models::BufferId out) const {
  const models::Step* const next = next_step();
  const auto* product = next == nullptr ? nullptr : std::get_if<models::MatMul>(&next->operation);
  if (product == nullptr || product->in != out || multiplied_by(rows_of(out), true) == By::kHalves) return {};
  const bool wanted = std::ranges::any_of(product->projections,
                                          [&](const auto& p) { return parts_.setup.weights.view(p.weight).in_panels; });
  return wanted ? quantised_rows(*product) : gpu::Q8Rows{};
}

Result<void> StepLauncher::launch(const StepShape& shape, std::span<const OwnedEvent> events) {
  shape_ = shape;
  const Driver& driver = parts_.device.driver();
  const auto record = [&](std::size_t event) {
    if (events.empty()) return Result<void>();
    return driver.check(driver->record_event(events[event].get(), parts_.device.stream()), "recording an event");
  };
  starts_early_ = events.empty() && parts_.setup.options.cuda.early_starts && parts_.kernels.can_start_early();
  LINNET_CHECK(copy_inputs());
  LINNET_CHECK(fill_rotations());
  is_quantised_ = false;
  skip_next_ = false;
  for (index_ = 0; index_ < program_.steps.size(); ++index_) {
    LINNET_CHECK(record(index_));
    if (std::exchange(skip_next_, false)) continue;
    will_be_quantised_ = false;
    LINNET_CHECK(std::visit([this](const auto& op) { return emit(op); }, program_.steps[index_].operation));
    is_quantised_ = will_be_quantised_;
  }
  LINNET_CHECK(record(program_.steps.size()));
  return copy_logits();
}

Result<void> StepLauncher::copy_inputs() {
  const Driver& driver = parts_.device.driver();
  const auto to = reinterpret_cast<DeviceAddress>(parts_.map.inputs);
  behind_kernel_ = false;
  return driver.check(driver->copy_to_device(to, parts_.inputs.host(), parts_.inputs.bytes(), parts_.device.stream()),
                      "copying a step's inputs");
}

Result<void> StepLauncher::copy_logits() {
  const Rows logits = rows_of(program_.logits);
  if (logits.count == 0) return {};
  const Driver& driver = parts_.device.driver();
  return driver.check(
      driver->copy_from_device(parts_.pinned.logits(), reinterpret_cast<DeviceAddress>(logits.data),
                               std::size_t{logits.count} * logits.stride * sizeof(float), parts_.device.stream()),
      "copying logits");
}

// The angles of the step's positions, for each rotation one table.
Result<void> StepLauncher::fill_rotations() {
  std::size_t before = 0;
  for (const models::Rotation& rotation : program_.rotations) {
    const std::size_t pairs = rotation.dimensions / 2;
    const std::size_t table = parts_.setup.options.max_batch_rows * before;
    LINNET_CHECK(
        start(gpu::Kernel::kFillRotation, gpu::FillRotationParameters{.positions = parts_.inputs.rows().positions,
                                                                      .frequencies = parts_.map.frequencies + before,
                                                                      .cosines = parts_.map.cosines + table,
                                                                      .sines = parts_.map.sines + table,
                                                                      .rows = shape_.rows,
                                                                      .pairs = static_cast<std::uint32_t>(pairs),
                                                                      .magnitude = rotation.magnitude}));
    before += pairs;
  }
  return {};
}

Result<void> StepLauncher::emit(const models::Embed& op) {
  const Rows out = rows_of(op.out);
  if (const float* const looked_up = parts_.pinned.looked_up(index_)) {
    behind_kernel_ = false;
    const Driver& driver = parts_.device.driver();
    return driver.check(
        driver->copy_to_device(reinterpret_cast<DeviceAddress>(out.data), looked_up,
                               std::size_t{out.count} * out.stride * sizeof(float), parts_.device.stream()),
        "copying embeddings");
  }
  constexpr gpu::Lookup kLookups[] = {gpu::Lookup::kToken, gpu::Lookup::kPosition, gpu::Lookup::kFirst};
  return start(gpu::Kernel::kEmbed,
               gpu::EmbedParameters{.step = parts_.inputs.rows(),
                                    .table = parts_.map.matrices[static_cast<std::size_t>(op.table)],
                                    .out = out.data,
                                    .out_stride = out.stride,
                                    .rows = out.count,
                                    .columns = out.width,
                                    .format = parts_.setup.weights.view(op.table).format,
                                    .by = kLookups[static_cast<std::size_t>(op.by)],
                                    .scale = op.scale});
}

Result<void> StepLauncher::emit(const models::Add& op) {
  const Rows other = rows_of(op.other);
  const Rows sum = rows_of(op.in_out);
  if (sum.count == 0) return {};
  return start(gpu::Kernel::kAdd, gpu::AddParameters{.other = other.data,
                                                     .in_out = sum.data,
                                                     .other_stride = other.stride,
                                                     .in_out_stride = sum.stride,
                                                     .rows = sum.count,
                                                     .width = sum.width});
}

Result<void> StepLauncher::emit(const models::RmsNorm& op) {
  const Rows in = rows_of(op.in);
  const Rows out = rows_of(op.out);
  if (in.count == 0) return {};
  const std::uint32_t part = in.width / static_cast<std::uint32_t>(op.groups);
  const auto columns = static_cast<std::uint32_t>(parts_.setup.weights.view(op.weight).columns);
  const bool whole = columns >= part && part % 32 == 0;
  const gpu::Q8Rows quantised = whole ? quantised_for_next(op.out) : gpu::Q8Rows{};
  will_be_quantised_ = quantised.values != nullptr;
  return start(gpu::Kernel::kRmsNorm,
               gpu::RmsNormParameters{.in = in.data,
                                      .weight = parts_.map.vectors[static_cast<std::size_t>(op.weight)],
                                      .out = out.data,
                                      .quantised = quantised,
                                      .in_stride = in.stride,
                                      .out_stride = out.stride,
                                      .rows = in.count,
                                      .groups = static_cast<std::uint32_t>(op.groups),
                                      .part = part,
                                      .width = std::min(part, columns),
                                      .epsilon = op.epsilon});
}

Result<void> StepLauncher::emit(const models::LayerNorm& op) {
  const Rows in = rows_of(op.in);
  const Rows out = rows_of(op.out);
  if (in.count == 0) return {};
  const gpu::Q8Rows quantised = in.width % 32 == 0 ? quantised_for_next(op.out) : gpu::Q8Rows{};
  will_be_quantised_ = quantised.values != nullptr;
  return start(gpu::Kernel::kLayerNorm,
               gpu::LayerNormParameters{.in = in.data,
                                        .weight = parts_.map.vectors[static_cast<std::size_t>(op.weight)],
                                        .bias = parts_.map.vectors[static_cast<std::size_t>(op.bias)],
                                        .out = out.data,
                                        .quantised = quantised,
                                        .in_stride = in.stride,
                                        .out_stride = out.stride,
                                        .rows = in.count,
                                        .width = in.width,
                                        .epsilon = op.epsilon});
}

// Queries and keys, one operation behind the other, turn in one launch.
Result<void> StepLauncher::emit(const models::Rotate& op) {
  const auto turned = [&](const models::Rotate& rotate) {
    const Rows rows = rows_of(rotate.in_out);
    const auto heads = static_cast<std::uint32_t>(rotate.heads);
    return gpu::RotatedRows{.rows = rows.data,
                            .stride = rows.stride,
                            .heads = heads,
                            .head_width = rows.width / heads,
                            .first = static_cast<std::uint32_t>(rotate.first)};
  };
  const auto rotation = static_cast<std::size_t>(op.rotation);
  std::size_t before = 0;
  for (std::size_t i = 0; i < rotation; ++i) before += program_.rotations[i].dimensions / 2;
  const std::size_t table = parts_.setup.options.max_batch_rows * before;
  gpu::RotateParameters parameters{.cosines = parts_.map.cosines + table,
                                   .sines = parts_.map.sines + table,
                                   .parts = {turned(op), {}},
                                   .part_count = 1,
                                   .rows = rows_of(op.in_out).count,
                                   .pairs = static_cast<std::uint32_t>(program_.rotations[rotation].dimensions / 2),
                                   .interleaved = program_.rotations[rotation].interleaved ? 1U : 0U};
  const models::Step* const next = next_step();
  const auto* other = next == nullptr ? nullptr : std::get_if<models::Rotate>(&next->operation);
  if (other != nullptr && other->rotation == op.rotation && other->in_out != op.in_out) {
    parameters.parts[1] = turned(*other);
    parameters.part_count = 2;
    skip_next_ = true;
  }
  return start(gpu::Kernel::kRotate, parameters);
}

Result<void> StepLauncher::emit(const models::SiluMultiply& op) {
  const Rows gate = rows_of(op.gate);
  const Rows up = rows_of(op.up);
  const Rows out = rows_of(op.out);
  const gpu::Q8Rows quantised = quantised_for_next(op.out);
  will_be_quantised_ = quantised.values != nullptr;
  return start(gpu::Kernel::kSiluMultiply, gpu::SiluMultiplyParameters{.gate = gate.data,
                                                                       .up = up.data,
                                                                       .out = out.data,
                                                                       .quantised = quantised,
                                                                       .gate_stride = gate.stride,
                                                                       .up_stride = up.stride,
                                                                       .out_stride = out.stride,
                                                                       .rows = out.count,
                                                                       .width = out.width});
}

Result<void> StepLauncher::emit(const models::Gelu& op) {
  const Rows rows = rows_of(op.in_out);
  const gpu::Q8Rows quantised = quantised_for_next(op.in_out);
  will_be_quantised_ = quantised.values != nullptr;
  return start(
      gpu::Kernel::kGelu,
      gpu::GeluParameters{
          .in_out = rows.data, .quantised = quantised, .stride = rows.stride, .rows = rows.count, .width = rows.width});
}

Result<void> StepLauncher::emit(const models::SelectOutputs& op) {
  const Rows in = rows_of(op.in);
  const Rows out = rows_of(op.out);
  if (out.count == 0) return {};
  return start(gpu::Kernel::kSelectOutputs, gpu::SelectOutputsParameters{.in = in.data,
                                                                         .output_rows = parts_.inputs.output_rows(),
                                                                         .out = out.data,
                                                                         .in_stride = in.stride,
                                                                         .out_stride = out.stride,
                                                                         .outputs = out.count,
                                                                         .width = in.width});
}

}  // namespace linnet::engine::cuda
