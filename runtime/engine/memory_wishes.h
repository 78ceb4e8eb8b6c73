// What a person wishes of memory (MemoryOptions), asked of the kernel once a model is open.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/engine/device_choice.h"
#include "runtime/engine/memory_options.h"

namespace linnet::engine {

// A refusal becomes a line in `notes`.
void note_refusal(const Result<void>& asked, std::vector<std::string>& notes);

// Reads ahead and locks: `arena`, which the wish for huge pages must have reached before, and `weights`, runs of whole
// pages. Tells `watcher` (null: nobody) how far reading is. Errors: kInterrupted (it said so).
[[nodiscard]] Result<void> grant(const MemoryOptions& wishes, std::span<const std::byte> arena,
                                 std::span<const std::span<const std::byte>> weights, LoadWatcher* watcher,
                                 std::vector<std::string>& notes);

}  // namespace linnet::engine
