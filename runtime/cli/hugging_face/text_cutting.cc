#include "runtime/cli/hugging_face/text_cutting.h"

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/text/pretokenizer.h"

namespace linnet::cli::hugging_face {
namespace {

using templates::Kind;
using templates::Value;
using text::Normalization;
using text::PreTokenizerRow;
using text::WholeWords;

// What Hugging Face's ByteLevel cuts by where it has no expression before it: GPT-2's.
Result<std::string_view> byte_level_expression() {
  LINNET_TRY(const PreTokenizerRow* row, text::find_pre_tokenizer("gpt-2"));
  return row->expressions.front();
}

// The expressions of a list of steps, in order.
class Steps {
 public:
  explicit Steps(std::string file) : file_(std::move(file)) {}

  [[nodiscard]] const std::vector<std::string>& expressions() const { return expressions_; }

  Result<void> add(const Value& value) {
    const JsonObject step(file_, &value);
    LINNET_TRY(const std::string type, step.text_or("type", ""));
    if (type == "Sequence") return add_all(step);
    if (type == "Split") return add_split(step);
    if (type == "Digits") return add_digits(step);
    if (type == "ByteLevel") return add_byte_level(step);
    return step.unsupported(type, "is a way to cut text that is not converted");
  }

 private:
  Result<void> add_all(const JsonObject& step) {
    const Value* list = step.find("pretokenizers");
    if (list == nullptr || !list->is(Kind::kList)) return step.malformed("pretokenizers", "is no list");
    for (const Value& item : list->items()) {
      // Sequences do not nest in any tokenizer.json seen; a deep one would recurse.
      LINNET_TRY(const std::string type, JsonObject(file_, &item).text_or("type", ""));
      if (type == "Sequence") return step.unsupported("pretokenizers", "nest");
      LINNET_CHECK(add(item));
    }
    return {};
  }
  Result<void> add_split(const JsonObject& step) {
    LINNET_TRY(const std::string expression, step.object("pattern").text_or("Regex", ""));
    LINNET_TRY(const std::string behavior, step.text_or("behavior", ""));
    LINNET_TRY(const bool inverted, step.flag_or("invert", false));
    if (expression.empty() || behavior != "Isolated" || inverted)
      return step.unsupported("Split", "is not an expression whose matches are isolated");
    expressions_.push_back(expression);
    return {};
  }
  Result<void> add_digits(const JsonObject& step) {
    LINNET_TRY(const bool single, step.flag_or("individual_digits", false));
    expressions_.emplace_back(single ? R"(\p{N})" : R"(\p{N}+)");
    return {};
  }
  Result<void> add_byte_level(const JsonObject& step) {
    LINNET_TRY(const bool prefixed, step.flag_or("add_prefix_space", true));
    if (prefixed) return step.unsupported("add_prefix_space", "is not converted");
    LINNET_TRY(const bool cuts, step.flag_or("use_regex", true));
    LINNET_TRY(const std::string_view expression, byte_level_expression());
    if (cuts) expressions_.emplace_back(expression);
    return {};
  }

  std::string file_;
  std::vector<std::string> expressions_;
};

Result<Normalization> read_normalization(const JsonObject& tokenizer) {
  LINNET_TRY(const std::string type, tokenizer.object("normalizer").text_or("type", ""));
  if (type.empty()) return Normalization::kNone;
  if (type == "NFC") return Normalization::kNfc;
  return tokenizer.unsupported(type, "is a normalisation that is not converted");
}

}  // namespace

Result<std::string_view> find_text_cutting(const JsonObject& tokenizer) {
  Steps steps(tokenizer.file());
  const Value* cutting = tokenizer.find("pre_tokenizer");
  if (cutting == nullptr) return tokenizer.unsupported("pre_tokenizer", "is missing");
  LINNET_CHECK(steps.add(*cutting));
  LINNET_TRY(const Normalization normalization, read_normalization(tokenizer));
  LINNET_TRY(const bool whole, tokenizer.object("model").flag_or("ignore_merges", false));
  const WholeWords words = whole ? WholeWords::kFirst : WholeWords::kByMerging;
  for (const PreTokenizerRow& row : text::pre_tokenizers()) {
    const bool same = row.normalization == normalization && row.whole_words == words &&
                      row.alphabet == text::Alphabet::kBytes && row.byte_digits == text::ByteDigits::kAsTheyAre;
    if (same && std::ranges::equal(row.expressions, steps.expressions())) return row.name;
  }
  std::string all;
  for (const std::string& expression : steps.expressions()) all += " " + expression;
  return tokenizer.unsupported("pre_tokenizer", "cuts text as no pre-tokenizer here does:" + all.substr(0, 200));
}

}  // namespace linnet::cli::hugging_face
