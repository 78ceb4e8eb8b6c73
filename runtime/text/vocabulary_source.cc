#include "runtime/text/vocabulary_source.h"

#include <string>

#include "models/gguf/reader.h"

namespace linnet::text {
namespace {

constexpr std::size_t kMostTokens = std::size_t{1} << 22;
constexpr std::size_t kLongestToken = 65'535;

std::string key_of(std::string_view name) { return "tokenizer.ggml." + std::string(name); }

tl::unexpected<Error> malformed(std::string_view name, const std::string& what) {
  return fail(ErrorKind::kMalformed, key_of(name) + ": " + what);
}

Result<void> read_id(const gguf::Reader& file, std::string_view name, std::size_t tokens, std::optional<TokenId>& id) {
  if (!file.contains(key_of(name))) return {};
  LINNET_TRY(const std::uint32_t value, file.u32(key_of(name)));
  // Converters write -1 as 4294967295 where a model has no such token.
  if (value == 0xFFFFFFFF) return {};
  if (value >= tokens) return malformed(name, std::to_string(value) + " is not in the vocabulary");
  id = static_cast<TokenId>(value);
  return {};
}

Result<void> read_flag(const gguf::Reader& file, std::string_view name, std::optional<bool>& flag) {
  if (!file.contains(key_of(name))) return {};
  LINNET_TRY(flag, file.boolean(key_of(name)));
  return {};
}

Result<void> read_strings(const gguf::Reader& file, std::string_view name, std::vector<std::string_view>& out) {
  LINNET_TRY(const auto strings, file.strings(key_of(name)));
  if (strings.size() > kMostTokens) return malformed(name, std::to_string(strings.size()) + " entries");
  out.reserve(strings.size());
  for (const std::string_view text : strings) {
    if (text.size() > kLongestToken) return malformed(name, "an entry of " + std::to_string(text.size()) + " bytes");
    out.push_back(text);
  }
  return {};
}

// Files without types hold normal tokens only; types that no version knows are taken as normal.
Result<void> read_types(const gguf::Reader& file, std::size_t tokens, std::vector<TokenType>& out) {
  out.assign(tokens, TokenType::kNormal);
  if (!file.contains(key_of("token_type"))) return {};
  LINNET_TRY(const auto types, file.integers(key_of("token_type")));
  if (types.size() < tokens) return malformed("token_type", "fewer entries than tokens");
  for (std::size_t i = 0; i < tokens; ++i) {
    if (types[i] >= 1 && types[i] <= 6) out[i] = static_cast<TokenType>(types[i]);
  }
  return {};
}

Result<void> read_scores(const gguf::Reader& file, std::size_t tokens, std::vector<float>& out) {
  if (!file.contains(key_of("scores"))) return {};
  LINNET_TRY(const auto scores, file.floats(key_of("scores")));
  if (scores.size() < tokens) return malformed("scores", "fewer entries than tokens");
  out.reserve(tokens);
  for (std::size_t i = 0; i < tokens; ++i) out.push_back(scores[i]);
  return {};
}

Result<void> read_ids(const gguf::Reader& file, std::size_t tokens, VocabularySource& source) {
  LINNET_CHECK(read_id(file, "bos_token_id", tokens, source.bos));
  LINNET_CHECK(read_id(file, "eos_token_id", tokens, source.eos));
  LINNET_CHECK(read_id(file, "eot_token_id", tokens, source.eot));
  LINNET_CHECK(read_id(file, "eom_token_id", tokens, source.eom));
  LINNET_CHECK(read_id(file, "unknown_token_id", tokens, source.unknown));
  LINNET_CHECK(read_id(file, "seperator_token_id", tokens, source.separator));  // The specification spells it so.
  LINNET_CHECK(read_id(file, "padding_token_id", tokens, source.padding));
  LINNET_CHECK(read_id(file, "cls_token_id", tokens, source.cls));
  LINNET_CHECK(read_id(file, "mask_token_id", tokens, source.mask));
  return {};
}

Result<void> read_flags(const gguf::Reader& file, VocabularySource& source) {
  LINNET_CHECK(read_flag(file, "add_bos_token", source.add_bos));
  LINNET_CHECK(read_flag(file, "add_eos_token", source.add_eos));
  LINNET_CHECK(read_flag(file, "add_sep_token", source.add_separator));
  LINNET_CHECK(read_flag(file, "add_space_prefix", source.add_space_prefix));
  LINNET_CHECK(read_flag(file, "normalizer.lowercase", source.lowercase));
  LINNET_CHECK(read_flag(file, "normalizer.strip_accents", source.strip_accents));
  return {};
}

}  // namespace

Result<VocabularySource> read_vocabulary(const gguf::Reader& file, ReadArrays arrays) {
  if (!file.contains(key_of("model"))) {
    return fail(ErrorKind::kAbsent, "the file has no tokenizer (key tokenizer.ggml.model)");
  }
  VocabularySource source;
  LINNET_TRY(source.model, file.string(key_of("model")));
  LINNET_TRY(source.pre, file.string_or(key_of("pre"), ""));
  LINNET_TRY(const auto tokens, file.strings(key_of("tokens")));
  const std::size_t count = tokens.size();
  if (count == 0 || count > kMostTokens) return malformed("tokens", std::to_string(count) + " entries");
  source.token_count = count;
  if (arrays == ReadArrays::kAll) {
    LINNET_CHECK(read_strings(file, "tokens", source.tokens));
    LINNET_CHECK(read_types(file, count, source.types));
    LINNET_CHECK(read_scores(file, count, source.scores));
    if (file.contains(key_of("merges"))) LINNET_CHECK(read_strings(file, "merges", source.merges));
  }
  LINNET_CHECK(read_ids(file, count, source));
  LINNET_CHECK(read_flags(file, source));
  return source;
}

}  // namespace linnet::text
