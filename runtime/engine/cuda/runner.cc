#include "runtime/engine/cuda/runner.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "runtime/engine/cuda/plan.h"
#include "runtime/engine/frequencies.h"
#include "runtime/engine/lookup.h"

namespace linnet::engine::cuda {

Runner::Runner(ReadyDevice device, const Setup& setup, const KvCache& cache)
    : device_(std::move(device)), setup_(setup), cache_(cache) {}

Result<std::unique_ptr<Runner>> Runner::create(ReadyDevice device, const Setup& setup, const KvCache& cache,
                                               LoadWatcher* watcher) {
  std::unique_ptr<Runner> runner(new Runner(std::move(device), setup, cache));
  LINNET_CHECK(runner->device_.device->make_current());
  LINNET_CHECK(runner->reserve());
  LINNET_CHECK(runner->load(watcher));
  LINNET_CHECK(runner->capture_graphs());
  LINNET_CHECK(runner->run_first_step());
  return runner;
}

// The large reservations come first, before anything else cuts the device's memory up.
Result<void> Runner::reserve() {
  Device& device = *device_.device;
  if (reads_in_place(setup_.options, device.facts())) {
    // A driver that does not take the mapping is no fault: then the weights are copied.
    if (auto mapped = MappedWeights::map(device.driver(), setup_)) mapped_ = std::move(*mapped);
  }
  const DeviceShape shape = DeviceShape::of(setup_);
  DeviceMeasure measure;
  (void)take_all(measure, setup_, shape, !mapped_);
  LINNET_TRY(arena_, DeviceArena::reserve(device.driver(), measure.layout()));
  map_ = take_all(*arena_, setup_, shape, !mapped_);
  LINNET_TRY(pinned_, PinnedMap::reserve(device.driver(), setup_));
  inputs_.emplace(setup_, pinned_->inputs(), map_.inputs);
  launcher_.emplace(LauncherParts{.device = device,
                                  .kernels = device_.kernels,
                                  .setup = setup_,
                                  .map = map_,
                                  .pinned = *pinned_,
                                  .inputs = *inputs_});
  return {};
}

Result<void> Runner::load(LoadWatcher* watcher) {
  Device& device = *device_.device;
  LINNET_CHECK(copy_weights(device, setup_, map_, watcher));
  LINNET_CHECK(load_frequencies());
  if (mapped_) {
    for (std::size_t i = 0; i < setup_.weights.views.size(); ++i) {
      const bool matrix = is_matrix(setup_.program.weights[i]);
      map_.matrices.push_back(matrix ? mapped_->address(setup_.weights.views[i].data.data()) : nullptr);
    }
  } else if (device.facts().integrated) {
    release_pages(setup_);  // Or the weights would be in the machine's memory twice.
  }
  return {};
}

Result<void> Runner::load_frequencies() {
  Device& device = *device_.device;
  double* to = map_.frequencies;
  for (std::size_t i = 0; i < setup_.program.rotations.size(); ++i) {
    const models::Rotation& rotation = setup_.program.rotations[i];
    std::vector<double> frequencies(rotation.dimensions / 2);
    fill_frequencies(rotation, setup_.weights.factors[i], frequencies);
    const Driver& driver = device.driver();
    LINNET_CHECK(driver.check(driver->copy_to_device(reinterpret_cast<DeviceAddress>(to), frequencies.data(),
                                                     frequencies.size() * sizeof(double), device.stream()),
                              "copying frequencies"));
    LINNET_CHECK(device.wait("copying frequencies"));
    to += frequencies.size();
  }
  return {};
}

// One row a sequence is what decoding is made of. Of an encoder no step is such.
Result<void> Runner::capture_graphs() {
  if (setup_.program.pooling || !setup_.options.cuda.graphs) return {};
  const std::size_t most = std::min({setup_.options.max_sequences, setup_.options.max_outputs, graphs_.size() - 1});
  for (std::uint32_t rows = 1; rows <= most; ++rows) LINNET_CHECK(capture(rows));
  return {};
}

// Position 0 of page 0, which nobody holds: what it leaves there is overwritten before it is read.
Result<void> Runner::run_first_step() {
  const BatchRow row{.token = 0, .sequence = SequenceId{0}, .position = 0, .wants_logits = true};
  return setup_.program.pooling ? Result<void>() : compute({&row, 1}, {});
}

Result<void> Runner::capture(std::uint32_t rows) {
  Device& device = *device_.device;
  const Driver& driver = device.driver();
  LINNET_CHECK(driver.check(driver->begin_capture(device.stream(), kCaptureThreadLocal), "capturing a step"));
  const auto launched = launcher_->launch({.rows = rows, .outputs = rows, .tiles = rows}, {});
  Graph graph = nullptr;
  const Status status = driver->end_capture(device.stream(), &graph);  // Also after a failed launch.
  const OwnedGraph owned = status == kSuccess ? OwnedGraph(driver, graph) : OwnedGraph();
  LINNET_CHECK(launched);
  LINNET_CHECK(driver.check(status, "ending the capture of a step"));
  ExecutableGraph executable = nullptr;
  LINNET_CHECK(driver.check(driver->instantiate(&executable, graph, 0), "making a graph"));
  graphs_[rows] = OwnedExecutableGraph(driver, executable);
  return {};
}

Result<ConstTensorView> Runner::run(Batch batch, std::span<StepCost> costs) {
  auto computed = compute(batch, costs);
  if (!computed) {
    Error error = std::move(computed).error();
    error.kind = ErrorKind::kDeviceLost;  // Whatever it was: what the step has stored cannot be trusted.
    return tl::unexpected(std::move(error));
  }
  const auto logits = static_cast<std::size_t>(setup_.program.logits);
  return ConstTensorView(pinned_->logits(), shape_.outputs, setup_.program.buffers[logits].width,
                         setup_.buffers.buffers[logits].stride);
}

Result<void> Runner::compute(Batch batch, std::span<StepCost> costs) {
  Device& device = *device_.device;
  LINNET_CHECK(device.make_current());
  if (!costs.empty()) LINNET_CHECK(make_events());
  shape_ = inputs_->fill(batch, cache_);
  look_up(batch);
  if (costs.empty() && shape_.is_decoding() && graphs_[shape_.rows]) {
    const Driver& driver = device.driver();
    LINNET_CHECK(driver.check(driver->launch_graph(graphs_[shape_.rows].get(), device.stream()), "decoding"));
    return device.wait("decoding");
  }
  LINNET_CHECK(launcher_->launch(shape_, costs.empty() ? std::span<const OwnedEvent>{} : events_));
  LINNET_CHECK(device.wait("computing a step"));
  return costs.empty() ? Result<void>() : add_costs(batch, costs);
}

// The rows of tables that only the processor has.
void Runner::look_up(Batch batch) const {
  for (std::size_t i = 0; i < setup_.program.steps.size(); ++i) {
    float* const rows = pinned_->looked_up(i);
    if (rows == nullptr) continue;
    const auto& op = std::get<models::Embed>(setup_.program.steps[i].operation);
    const WeightView& table = setup_.weights.view(op.table);
    const std::size_t stride = setup_.buffers.buffers[static_cast<std::size_t>(op.out)].stride;
    for (std::size_t row = 0; row < batch.size(); ++row) {
      float* const out = rows + row * stride;
      table.read_row(looked_up_row(op, batch[row]), out);
      if (op.scale == 1.0F) continue;
      for (std::size_t column = 0; column < table.columns; ++column) out[column] *= op.scale;
    }
  }
}

Result<void> Runner::make_events() {
  const Driver& driver = device_.device->driver();
  while (events_.size() < setup_.program.steps.size() + 1) {
    Event event = nullptr;
    LINNET_CHECK(driver.check(driver->create_event(&event, kEventDefault), "making an event"));
    events_.emplace_back(driver, event);
  }
  return {};
}

Result<void> Runner::add_costs(Batch batch, std::span<StepCost> costs) {
  const Driver& driver = device_.device->driver();
  for (std::size_t i = 0; i < costs.size(); ++i) {
    float milliseconds = 0;
    LINNET_CHECK(driver.check(driver->event_milliseconds(&milliseconds, events_[i].get(), events_[i + 1].get()),
                              "reading an event"));
    costs[i].milliseconds += static_cast<double>(milliseconds);
    add_cost(costs[i], setup_.program.steps[i].operation, setup_.program, setup_.weights,
             {batch, setup_.cache.format, shape_.outputs});
  }
  return {};
}

}  // namespace linnet::engine::cuda
