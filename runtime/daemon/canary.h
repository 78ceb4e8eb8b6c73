// Asks the model the same questions again and again: the share of equal answers tells when something drifts.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/daemon/backend.h"

namespace linnet::daemon {

// For the worker's thread. Greedy answers of one model on one machine are the same bits each time, so anything below 1
// is a fault: of memory, of a file, of a changed model.
class Canary {
 public:
  // `period` 0: never asked.
  Canary(std::vector<std::string> prompts, std::chrono::seconds period);

  // Asks when a period has passed; the share of answers that equal the first ones of this model, or nothing where it
  // was not asked, could not answer, or answered for the first time.
  [[nodiscard]] std::optional<double> ask(Backend& backend, const std::string& model, Clock::time_point now);

 private:
  std::vector<std::string> prompts_;
  std::chrono::seconds period_;
  Clock::time_point last_{};
  std::map<std::string, std::vector<std::string>> first_answers_;  // By model.
};

}  // namespace linnet::daemon
