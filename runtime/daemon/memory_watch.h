// Whether memory runs short, as the board last said, and what was given back: written by whoever samples, obeyed by the
// worker.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "hal/board.h"
#include "hal/memory_pressure.h"
#include "runtime/base/units.h"

namespace linnet::daemon {

struct MemoryFigures {
  bool is_short = false;
  std::uint64_t reliefs = 0;  // Times that something was given back or a part of the weights let go.
  Bytes given_back;           // Of the KV cache, since the start.
  Bytes streamed;             // Weights that are read again for each token, now.
};

// Thread-safe.
class MemoryWatch {
 public:
  // `vitals` are a sample of now.
  void sample(const hal::Vitals& vitals);

  // The last judgement, once; nothing until the next sample.
  [[nodiscard]] std::optional<hal::MemoryState> news();
  // The process's own memory when it was sampled.
  [[nodiscard]] Bytes anonymous() const;

  // What the worker did.
  void note(Bytes given_back, Bytes streamed);

  [[nodiscard]] MemoryFigures figures() const;

 private:
  mutable std::mutex mutex_;
  hal::MemoryState state_;
  bool is_new_ = false;
  Bytes anonymous_{};
  MemoryFigures figures_;
};

}  // namespace linnet::daemon
