// Ends an answer at a text that the client named, which may come cut across tokens.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace linnet::daemon {

// Holds back what may yet become a stop text; the rest passes. Allocates nothing once its buffer has grown to the
// longest stop text and a token.
class StopTexts {
 public:
  // Borrows the texts.
  explicit StopTexts(std::span<const std::string> stops) : stops_(stops) {}

  // What may be shown now, valid until the next call. After a stop text was found, what stood before it, then nothing.
  [[nodiscard]] std::string_view push(std::string_view piece);
  // What was held back in vain.
  [[nodiscard]] std::string_view finish();

  [[nodiscard]] bool found() const { return found_; }

 private:
  [[nodiscard]] std::size_t first_stop() const;
  [[nodiscard]] std::size_t held_back() const;

  std::span<const std::string> stops_;
  std::string pending_;
  std::size_t shown_ = 0;  // Bytes of pending_ that the last call gave out.
  bool found_ = false;
};

}  // namespace linnet::daemon
