// How well answers match labelled sentences: intent accuracy, micro F1 of entities, exact match.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"

namespace linnet::cli {

// What a sentence means. Entities are (type, value) pairs in ascending order: a multiset.
struct IntentAnswer {
  std::string intent;
  std::vector<std::pair<std::string, std::string>> entities;

  friend bool operator==(const IntentAnswer&, const IntentAnswer&) = default;
};

// A labelled sentence.
struct IntentExample {
  std::string text;
  IntentAnswer expected;
};

// Reads a line {"text", "intent", "entities": [{"type", "value", …}, …]}. Errors: kMalformed.
[[nodiscard]] Result<IntentExample> parse_intent_example(std::string_view line);

// Reads an answer {"intent": …, "slots": {type: value or [value, …]}}; nothing where it is no JSON. Where it is JSON of
// another shape, what is missing is empty, and a value that is no text matches nothing.
[[nodiscard]] std::optional<IntentAnswer> parse_intent_answer(std::string_view text);

// A confidence from which on a wanted share of answers is exact, and the share of all answers that reach it.
struct ConfidenceThreshold {
  double confidence = 1;
  double coverage = 0;
};

// Counts, and the figures made of them. An answer that is no JSON counts as no intent and no entities.
class IntentScore {
 public:
  // `confidence`: of the answer, 0 to 1.
  void add(const IntentAnswer& expected, const std::optional<IntentAnswer>& answer, double confidence);

  [[nodiscard]] std::size_t n() const { return n_; }
  [[nodiscard]] double intent_accuracy() const { return share(right_intents_); }
  [[nodiscard]] double exact_match() const { return share(exact_); }
  [[nodiscard]] double valid_json() const { return share(valid_); }
  [[nodiscard]] double entity_f1() const;  // 1 where there was nothing to find and nothing was found.
  // The lowest confidence such that of the answers that reach it at least `precision` are exact; coverage 0: none is.
  [[nodiscard]] ConfidenceThreshold threshold(double precision) const;

 private:
  [[nodiscard]] double share(std::size_t count) const;

  std::size_t n_ = 0;
  std::size_t right_intents_ = 0;
  std::size_t exact_ = 0;
  std::size_t valid_ = 0;
  std::size_t matched_entities_ = 0;
  std::size_t answered_entities_ = 0;
  std::size_t expected_entities_ = 0;
  std::vector<std::pair<double, bool>> confidences_;  // Of each answer, with whether it was exact.
};

}  // namespace linnet::cli
