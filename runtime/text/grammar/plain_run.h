// How many plain characters in a row a grammar takes whatever they are.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/text/grammar/configurations.h"
#include "runtime/text/grammar/plain_tokens.h"

namespace linnet::text {

// Looks ahead from a configuration along plain characters (`plain_characters`). Allocates in begin() alone.
class PlainRun {
 public:
  // Places that length() needs: now, here, where one character leads to, and the bytes inside of another.
  static constexpr std::size_t kPlaces = 7;

  PlainRun();

  // After the configurations were begun: one byte of each class stands for the others from now on.
  void begin(const Configurations& configurations);

  // How many plain characters may follow path[0], at most PlainTokens::kMostCharacters, where all of them lead to the
  // same place each time, and after the last of fewer none may; absent where a character makes a difference. Uses
  // path[1 .. kPlaces), and like Configurations::step() may renumber path[0].
  [[nodiscard]] std::optional<std::size_t> length(Configurations& configurations, std::span<Configuration> path) const;

 private:
  static constexpr std::size_t kHere = 1;    // Of the path: after so many characters.
  static constexpr std::size_t kNext = 2;    // Where characters lead to from there.
  static constexpr std::size_t kInside = 3;  // And the bytes of the one that is tried.

  struct Sequence {
    std::size_t size = 0;
    std::array<std::vector<std::uint8_t>, 4> bytes;  // At each place, one of each class.
  };

  [[nodiscard]] bool same_next(Configurations& configurations, std::span<Configuration> path) const;
  [[nodiscard]] bool same_next(Configurations& configurations, std::span<Configuration> path, const Sequence& sequence,
                               std::size_t depth, bool& found) const;

  std::vector<Sequence> sequences_;  // As plain_characters().
};

}  // namespace linnet::text
