// How the engine asks the kernel for memory, beyond reserving and mapping it.
#pragma once

namespace linnet::engine {

// What a person may ask for. The kernel may refuse each: that is a line for people (Engine::notes()), never an error.
struct MemoryOptions {
  bool lock = false;        // The arena and the weights that tokens read stay in memory (mlock).
  bool huge_pages = false;  // For the arena; never for a mapped file.
  bool read_ahead = false;  // Weights are read and mapped while the model is opened, not by its first tokens.
};

}  // namespace linnet::engine
