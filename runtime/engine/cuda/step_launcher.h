// One step of a program as launches of kernels: puts them into the device's stream, or into the graph that captures it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/cuda/launch.h"
#include "models/program.h"
#include "runtime/engine/cuda/device.h"
#include "runtime/engine/cuda/device_map.h"
#include "runtime/engine/cuda/kernel_module.h"
#include "runtime/engine/cuda/pinned_map.h"
#include "runtime/engine/cuda/step_inputs.h"
#include "runtime/engine/setup.h"

namespace linnet::engine::cuda {

// What the launches are about; it owns none of it.
struct LauncherParts {
  const Device& device;
  const KernelModule& kernels;
  const Setup& setup;
  const DeviceMap& map;
  const PinnedMap& pinned;
  const StepInputs& inputs;
};

class StepLauncher {
 public:
  explicit StepLauncher(const LauncherParts& parts);

  // Puts the copy of the inputs, every operation for rows of `shape`, and the copy of the logits back into the stream.
  // Where there are `events` (one a step of the program, and one), each is recorded before its operation, the last
  // behind all. Errors: those of Driver::check. Allocates nothing.
  [[nodiscard]] Result<void> launch(const StepShape& shape, std::span<const OwnedEvent> events);

 private:
  // A buffer of the program, as this step's rows use it.
  struct Rows {
    float* data = nullptr;
    std::uint32_t stride = 0;
    std::uint32_t count = 0;
    std::uint32_t width = 0;
  };

  // Puts a kernel into the stream: one that starts early, where all that lies ahead of it there are kernels.
  template <class Parameters>
  [[nodiscard]] Result<void> start(kernels::cuda::Kernel kernel, const Parameters& parameters) {
    const bool early = starts_early_ && behind_kernel_;
    behind_kernel_ = true;
    return parts_.kernels.launch(kernel, parameters, early);
  }

  [[nodiscard]] Rows rows_of(models::BufferId id) const;
  [[nodiscard]] const models::Step* next_step() const;
  [[nodiscard]] kernels::cuda::Q8Rows quantised_for_next(models::BufferId out) const;
  [[nodiscard]] Result<void> fill_rotations();
  [[nodiscard]] Result<void> copy_inputs();
  [[nodiscard]] Result<void> copy_logits();

  [[nodiscard]] Result<void> emit(const models::Embed& op);
  [[nodiscard]] Result<void> emit(const models::Add& op);
  [[nodiscard]] Result<void> emit(const models::RmsNorm& op);
  [[nodiscard]] Result<void> emit(const models::LayerNorm& op);
  [[nodiscard]] Result<void> emit(const models::Rotate& op);
  [[nodiscard]] Result<void> emit(const models::SiluMultiply& op);
  [[nodiscard]] Result<void> emit(const models::Gelu& op);
  [[nodiscard]] Result<void> emit(const models::SelectOutputs& op);
  // In launch_products.cc.
  [[nodiscard]] Result<void> emit(const models::MatMul& op);
  // In launch_attention.cc.
  [[nodiscard]] Result<void> emit(const models::Attend& op);
  // What support.h refuses.
  template <class Other>
  [[nodiscard]] Result<void> emit(const Other&) {
    return fail(ErrorKind::kUnsupported, "an operation without a CUDA kernel");
  }

  struct Product;
  // What multiplies: lanes a few rows at a time, or tensor cores.
  enum class By : std::uint8_t { kFewRows, kInt8, kHalves };
  [[nodiscard]] static bool takes_few(const Rows& in) { return in.count <= kernels::cuda::kMatVecRows; }
  [[nodiscard]] By multiplied_by(const Rows& in, bool in_panels) const;
  [[nodiscard]] kernels::cuda::Projection projection_of(const models::Projection& projection) const;
  [[nodiscard]] kernels::cuda::Q8Rows quantised_rows(const models::MatMul& op) const;
  [[nodiscard]] Result<void> prepare_rows(const Product& product);
  [[nodiscard]] Result<void> multiply(const Product& product);
  [[nodiscard]] Result<void> multiply_few(const Product& product);
  // Launches the kernel with what all products' parameters have filled in.
  template <class Parameters>
  [[nodiscard]] Result<void> multiply_with(kernels::cuda::Kernel kernel, const Product& product, Parameters parameters);
  [[nodiscard]] Result<void> multiply_in_pieces(Product product);
  [[nodiscard]] Result<void> attend_in_parts(const models::Attend& op, const kernels::cuda::AttendShape& shape,
                                             const kernels::cuda::KvPlace& place);
  [[nodiscard]] Result<void> attend_in_tiles(const models::Attend& op, const kernels::cuda::AttendShape& shape,
                                             const kernels::cuda::KvPlace& place);

  LauncherParts parts_;
  const models::Program& program_;
  StepShape shape_;
  std::size_t index_ = 0;           // Of the operation in the program.
  bool is_quantised_ = false;       // The operation before left its rows quantised for this product.
  bool will_be_quantised_ = false;  // This operation leaves its rows quantised.
  bool skip_next_ = false;          // This launch did the next operation too.
  bool starts_early_ = false;       // Of this step.
  bool behind_kernel_ = false;      // What was put into the stream last.
};

}  // namespace linnet::engine::cuda
