// Runs numbered pieces of work on several threads. Private to models/quantize.
#pragma once

#include <cstddef>

#include "runtime/base/function_ref.h"

namespace linnet::quantize {

// Calls work(i) for every i below `count`, on at most `threads` threads, this one among them; returns when all are
// done. Where the system grants fewer threads, those there are do the work.
void for_each_parallel(std::size_t count, unsigned threads, FunctionRef<void(std::size_t)> work);

}  // namespace linnet::quantize
