// Asks the model the same questions again and again: the share of equal answers tells when something drifts.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/daemon/backend.h"

namespace linnet::daemon {

// ask() is for the worker's thread, configure() for any. Greedy answers of one model on one machine are the same bits
// each time, so anything below 1 is a fault: of memory, of a file, of a changed model.
class Canary {
 public:
  // `period` 0: never asked.
  Canary(std::vector<std::string> prompts, std::chrono::seconds period);

  // From now on these are the questions; other questions begin anew.
  void configure(std::vector<std::string> prompts, std::chrono::seconds period);

  // Asks when a period has passed; the share of answers that equal the first ones of this model, or nothing where it
  // was not asked, could not answer, or answered for the first time.
  [[nodiscard]] std::optional<double> ask(Backend& backend, const std::string& model, Clock::time_point now);

 private:
  // Copies of what there is to ask now; nothing where it is not time.
  [[nodiscard]] std::vector<std::string> due(Clock::time_point now);
  [[nodiscard]] std::optional<double> compare(const std::string& model, std::vector<std::string> answers);

  std::mutex mutex_;  // Of the three below, not held while the model answers.
  std::vector<std::string> prompts_;
  std::chrono::seconds period_;
  std::uint64_t version_ = 0;
  std::uint64_t asked_version_ = 0;
  Clock::time_point last_{};
  std::map<std::string, std::vector<std::string>> first_answers_;  // By model.
};

}  // namespace linnet::daemon
