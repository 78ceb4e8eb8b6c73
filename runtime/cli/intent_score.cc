#include "runtime/cli/intent_score.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "runtime/text/template/json_read.h"

namespace linnet::cli {
namespace {

using templates::Kind;
using templates::Value;

// No label contains a NUL, so this value matches none.
const std::string kNotText(1, '\0');

// The text of member `name`, or nothing.
std::optional<std::string> text_member(const Value& object, std::string_view name) {
  const Value* member = object.is(Kind::kDict) ? object.as_dict().find(name) : nullptr;
  if (member == nullptr || !member->is(Kind::kString)) return std::nullopt;
  return member->as_string();
}

void append_slot(IntentAnswer& answer, const std::string& type, const Value& value) {
  if (value.is(Kind::kList)) {
    for (const Value& item : value.items()) {
      answer.entities.emplace_back(type, item.is(Kind::kString) ? item.as_string() : kNotText);
    }
  } else {
    answer.entities.emplace_back(type, value.is(Kind::kString) ? value.as_string() : kNotText);
  }
}

tl::unexpected<Error> malformed(const std::string& what) { return fail(ErrorKind::kMalformed, what); }

}  // namespace

Result<IntentExample> parse_intent_example(std::string_view line) {
  LINNET_TRY(const Value object, templates::parse_json(line));
  const auto text = text_member(object, "text");
  const auto intent = text_member(object, "intent");
  const Value* entities = object.is(Kind::kDict) ? object.as_dict().find("entities") : nullptr;
  if (!text || !intent || entities == nullptr || !entities->is(Kind::kList)) {
    return malformed("a line needs text, intent and entities (a list)");
  }
  IntentExample example{*text, {*intent, {}}};
  for (const Value& entity : entities->items()) {
    auto type = text_member(entity, "type");
    auto value = text_member(entity, "value");
    if (!type || !value) return malformed("an entity needs type and value, both text");
    example.expected.entities.emplace_back(std::move(*type), std::move(*value));
  }
  std::ranges::sort(example.expected.entities);
  return example;
}

std::optional<IntentAnswer> parse_intent_answer(std::string_view text) {
  const auto object = templates::parse_json(text);
  if (!object) return std::nullopt;
  IntentAnswer answer;
  answer.intent = text_member(*object, "intent").value_or("");
  const Value* slots = object->is(Kind::kDict) ? object->as_dict().find("slots") : nullptr;
  if (slots == nullptr || !slots->is(Kind::kDict)) return answer;
  for (const auto& [type, value] : slots->as_dict().entries()) append_slot(answer, type.as_string(), value);
  std::ranges::sort(answer.entities);
  return answer;
}

void IntentScore::add(const IntentAnswer& expected, const std::optional<IntentAnswer>& answer, double confidence) {
  ++n_;
  confidences_.emplace_back(confidence, answer == expected);
  expected_entities_ += expected.entities.size();
  if (!answer) return;
  ++valid_;
  answered_entities_ += answer->entities.size();
  right_intents_ += answer->intent == expected.intent ? 1U : 0U;
  exact_ += *answer == expected ? 1U : 0U;
  std::vector<std::pair<std::string, std::string>> common;
  std::ranges::set_intersection(expected.entities, answer->entities, std::back_inserter(common));
  matched_entities_ += common.size();
}

double IntentScore::entity_f1() const {
  const std::size_t total = answered_entities_ + expected_entities_;
  return total == 0 ? 1.0 : 2.0 * static_cast<double>(matched_entities_) / static_cast<double>(total);
}

ConfidenceThreshold IntentScore::threshold(double precision) const {
  auto ranked = confidences_;
  std::ranges::sort(ranked, std::greater<>());
  ConfidenceThreshold best;
  std::size_t exact = 0;
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    exact += ranked[i].second ? 1U : 0U;
    if (i + 1 < ranked.size() && ranked[i + 1].first == ranked[i].first) continue;  // They pass together.
    if (static_cast<double>(exact) >= precision * static_cast<double>(i + 1)) best = {ranked[i].first, share(i + 1)};
  }
  return best;
}

double IntentScore::share(std::size_t count) const {
  return n_ == 0 ? 0.0 : static_cast<double>(count) / static_cast<double>(n_);
}

}  // namespace linnet::cli
