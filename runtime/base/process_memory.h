// What this process holds in memory, as the kernel counts it.
#pragma once

#include <string>

#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace linnet {

// From /proc/self/smaps_rollup: resident memory, split by what would be lost if the page were dropped.
struct ProcessMemory {
  Bytes anonymous;  // This process's own pages: heap, arena, stacks, written data.
  Bytes mapped;     // Pages of mapped files (the model above all): shared with the page cache, dropped at will.
};

// Errors: kIo, kMalformed.
[[nodiscard]] Result<ProcessMemory> measure_process_memory();

// The anonymous part alone, from /proc/self/statm: cheap however much is mapped. 0 where it cannot be read.
[[nodiscard]] Bytes anonymous_memory_now();

// Gives back to the system what the heap holds and nobody uses: the allocator keeps it while anything lies above it.
// Takes milliseconds. Nothing happens where the C library has no such call.
void return_free_memory();

// The kernel's own answer as text, for the parser's test: "Rss:   1234 kB\n…".
[[nodiscard]] Result<ProcessMemory> parse_smaps_rollup(const std::string& text);

}  // namespace linnet
