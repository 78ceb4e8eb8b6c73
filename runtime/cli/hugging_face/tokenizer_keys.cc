#include "runtime/cli/hugging_face/tokenizer_keys.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/cli/hugging_face/json_object.h"
#include "runtime/cli/hugging_face/text_cutting.h"

namespace linnet::cli::hugging_face {
namespace {

using templates::Kind;
using templates::Value;

constexpr std::uint32_t kMostTokens = 1U << 22;

// Of tokenizer.ggml.token_type.
constexpr std::int32_t kNormal = 1;
constexpr std::int32_t kControl = 3;
constexpr std::int32_t kUserDefined = 4;
constexpr std::int32_t kUnused = 5;

class Vocabulary {
 public:
  Vocabulary(const JsonObject& tokenizer, std::uint32_t size)
      : tokenizer_(tokenizer), tokens_(size), types_(size, kUnused) {
    for (std::uint32_t i = 0; i < size; ++i) tokens_[i] = "[PAD" + std::to_string(i) + "]";
  }

  Result<void> read() {
    const Value* entries = tokenizer_.object("model").find("vocab");
    if (entries == nullptr || !entries->is(Kind::kDict)) return tokenizer_.malformed("vocab", "is no vocabulary");
    for (const auto& [token, id] : entries->as_dict().entries()) LINNET_CHECK(enter(token, id, kNormal));
    const Value* added = tokenizer_.find("added_tokens");
    if (added == nullptr || !added->is(Kind::kList)) return {};
    for (const Value& item : added->items()) {
      const JsonObject token(tokenizer_.file(), &item);
      LINNET_TRY(const bool special, token.flag_or("special", false));
      const Value* content = token.find("content");
      const Value* id = token.find("id");
      if (content == nullptr || id == nullptr) return token.malformed("added_tokens", "lacks a content or id");
      LINNET_CHECK(enter(*content, *id, special ? kControl : kUserDefined));
    }
    return {};
  }

  [[nodiscard]] std::optional<std::uint32_t> id_of(const std::string& token) const {
    const auto found = ids_.find(token);
    if (found == ids_.end()) return std::nullopt;
    return found->second;
  }

  void write(gguf::Writer& writer) const {
    writer.set_strings("tokenizer.ggml.tokens", tokens_);
    writer.set_i32s("tokenizer.ggml.token_type", types_);
  }

 private:
  Result<void> enter(const Value& token, const Value& id, std::int32_t type) {
    const bool fits = token.is(Kind::kString) && id.is(Kind::kInteger) && id.as_integer() >= 0 &&
                      static_cast<std::uint64_t>(id.as_integer()) < tokens_.size();
    if (!fits)
      return tokenizer_.malformed("vocab", "has an entry that is no text with an id below config.json's vocab_size");
    const auto place = static_cast<std::uint32_t>(id.as_integer());
    tokens_[place] = token.as_string();
    types_[place] = type;
    ids_[token.as_string()] = place;
    return {};
  }

  const JsonObject& tokenizer_;
  std::vector<std::string> tokens_;
  std::vector<std::int32_t> types_;
  std::unordered_map<std::string, std::uint32_t> ids_;
};

// "a b" a merge; newer files have pairs.
Result<std::vector<std::string>> read_merges(const JsonObject& tokenizer) {
  const Value* list = tokenizer.object("model").find("merges");
  if (list == nullptr || !list->is(Kind::kList)) return tokenizer.malformed("merges", "is no list");
  std::vector<std::string> merges;
  for (const Value& item : list->items()) {
    if (item.is(Kind::kString)) {
      merges.push_back(item.as_string());
      continue;
    }
    const bool pair = item.is(Kind::kList) && item.items().size() == 2 && item.items()[0].is(Kind::kString) &&
                      item.items()[1].is(Kind::kString);
    if (!pair) return tokenizer.malformed("merges", "has an entry that is no pair");
    merges.push_back(item.items()[0].as_string() + " " + item.items()[1].as_string());
  }
  return merges;
}

// A special token's text: as it is, or in an object.
Result<std::string> special_text(const JsonObject& settings, std::string_view name) {
  const Value* value = settings.find(name);
  if (value == nullptr) return std::string();
  if (value->is(Kind::kString)) return value->as_string();
  return settings.object(name).text_or("content", "");
}

// The ids of special tokens: by their text in tokenizer_config.json, else by number in config.json.
Result<void> write_special_ids(const ModelFolder& folder, const JsonObject& settings, const Vocabulary& vocabulary,
                               gguf::Writer& writer) {
  struct Special {
    std::string_view token;
    std::string_view id;
    std::string_view key;
  };
  constexpr Special kSpecials[] = {{"bos_token", "bos_token_id", "tokenizer.ggml.bos_token_id"},
                                   {"eos_token", "eos_token_id", "tokenizer.ggml.eos_token_id"},
                                   {"unk_token", "", "tokenizer.ggml.unknown_token_id"},
                                   {"pad_token", "pad_token_id", "tokenizer.ggml.padding_token_id"}};
  const JsonObject config(folder.path + "/config.json", &folder.config);
  for (const Special& special : kSpecials) {
    LINNET_TRY(const std::string text, special_text(settings, special.token));
    std::optional<std::uint32_t> id = vocabulary.id_of(text);
    const Value* number = config.find(special.id);
    if (number != nullptr && number->is(Kind::kList) && !number->items().empty()) number = &number->items().front();
    if (!id && number != nullptr && number->is(Kind::kInteger) && number->as_integer() >= 0) {
      id = static_cast<std::uint32_t>(number->as_integer());
    }
    if (id) writer.set_u32(special.key, *id);
  }
  return {};
}

// Whether every text begins with the beginning-of-sequence token: a flag, or the template of the post-processor.
Result<bool> adds_bos(const JsonObject& tokenizer, const JsonObject& settings) {
  if (settings.find("add_bos_token") != nullptr) return settings.flag_or("add_bos_token", false);
  LINNET_TRY(const std::string bos, special_text(settings, "bos_token"));
  const auto begins_with_bos = [&](const JsonObject& step) -> Result<bool> {
    const Value* single = step.find("single");
    if (single == nullptr || !single->is(Kind::kList) || single->items().empty()) return false;
    const JsonObject first(tokenizer.file(), &single->items().front());
    LINNET_TRY(const std::string id, first.object("SpecialToken").text_or("id", ""));
    return !bos.empty() && id == bos;
  };
  const JsonObject processor = tokenizer.object("post_processor");
  const Value* steps = processor.find("processors");
  if (steps == nullptr || !steps->is(Kind::kList)) return begins_with_bos(processor);
  for (const Value& step : steps->items()) {
    LINNET_TRY(const bool begins, begins_with_bos(JsonObject(tokenizer.file(), &step)));
    if (begins) return true;
  }
  return false;
}

// The template of the settings (one, or several of which one is the default), or the file of its own.
Result<std::string> chat_template(const ModelFolder& folder, const JsonObject& settings) {
  if (folder.chat_template) return *folder.chat_template;
  const Value* value = settings.find("chat_template");
  if (value == nullptr || !value->is(Kind::kList)) return settings.text_or("chat_template", "");
  for (const Value& item : value->items()) {
    const JsonObject named(settings.file(), &item);
    LINNET_TRY(const std::string name, named.text_or("name", ""));
    if (name == "default") return named.text_or("template", "");
  }
  return std::string();
}

}  // namespace

Result<void> write_tokenizer(const ModelFolder& folder, std::uint32_t vocabulary_size, gguf::Writer& writer) {
  if (!folder.tokenizer) return {};
  const JsonObject tokenizer(folder.path + "/tokenizer.json", &*folder.tokenizer);
  const JsonObject settings(folder.path + "/tokenizer_config.json",
                            folder.tokenizer_config ? &*folder.tokenizer_config : nullptr);
  LINNET_TRY(const std::string model, tokenizer.object("model").text_or("type", ""));
  LINNET_TRY(const bool falls_back, tokenizer.object("model").flag_or("byte_fallback", false));
  if (model != "BPE" || falls_back)
    return tokenizer.unsupported("model", "is no byte-level BPE; convert the model to GGUF first");
  if (vocabulary_size > kMostTokens) return tokenizer.malformed("vocab", "is too large");
  Vocabulary vocabulary(tokenizer, vocabulary_size);
  LINNET_CHECK(vocabulary.read());
  LINNET_TRY(const auto merges, read_merges(tokenizer));
  LINNET_TRY(const std::string_view cutting, find_text_cutting(tokenizer));
  LINNET_TRY(const bool bos, adds_bos(tokenizer, settings));
  LINNET_TRY(const std::string chat, chat_template(folder, settings));
  writer.set_string("tokenizer.ggml.model", "gpt2");
  writer.set_string("tokenizer.ggml.pre", cutting);
  vocabulary.write(writer);
  writer.set_strings("tokenizer.ggml.merges", merges);
  LINNET_CHECK(write_special_ids(folder, settings, vocabulary, writer));
  writer.set_boolean("tokenizer.ggml.add_bos_token", bos);
  if (!chat.empty()) writer.set_string("tokenizer.chat_template", chat);
  return {};
}

}  // namespace linnet::cli::hugging_face
