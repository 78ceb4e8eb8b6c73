// How a model is opened, for every program that runs one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "kernels/attention/cache_row.h"
#include "runtime/base/units.h"
#include "runtime/engine/device_choice.h"
#include "runtime/engine/memory_options.h"

namespace linnet::language {

struct ModelOptions {
  std::string path;
  std::optional<std::size_t> context;  // Positions; absent: what is needed, at most the model's own.
  std::size_t threads = 0;             // 0: one a usable core.
  std::optional<Bytes> memory_budget;  // Absent: what the machine has free.
  engine::DeviceChoice device = engine::DeviceChoice::kAuto;
  kernels::CacheFormat cache_format = kernels::CacheFormat::kF16;  // Of keys and values.
  engine::MemoryOptions memory;
  bool cache = true;  // Whether a plain quantised file may be packed into the cache directory.
};

}  // namespace linnet::language
