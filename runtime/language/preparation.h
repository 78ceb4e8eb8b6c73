// Who is told, and may stop it, while a model file is made ready: packing one takes seconds to minutes.
#pragma once

#include <cstdint>
#include <string>

namespace linnet::language {

class PreparationWatcher {
 public:
  virtual ~PreparationWatcher() = default;

  // One line for people: what is done, and what it costs.
  virtual void note(const std::string& line) = 0;

  // Bytes of a compressed file decompressed so far. False: stop, with kInterrupted.
  [[nodiscard]] virtual bool unpacking(std::uint64_t done, std::uint64_t all) = 0;

  // Bytes packed so far. False: stop, with kInterrupted.
  [[nodiscard]] virtual bool packing(std::uint64_t done, std::uint64_t all) = 0;
};

}  // namespace linnet::language
