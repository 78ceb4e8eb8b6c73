#include "models/synthetic/vocabulary.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <unordered_set>

#include "models/synthetic/random.h"

namespace linnet::synthetic {
namespace {

constexpr std::int32_t kNormal = 1;
constexpr std::int32_t kControl = 3;
constexpr std::int32_t kUnused = 5;

struct Special {
  std::uint32_t id;
  std::string_view text;
};

// A range of ids that is special; those without a name of their own are reserved.
struct Family {
  std::string_view pre;
  std::uint32_t first_special;
  std::uint32_t special_count;  // 0: to the end of the vocabulary.
  std::span<const Special> specials;
  std::uint32_t bos;
  std::uint32_t eos;
  bool add_bos;
  std::string_view chat_template;
};

constexpr std::string_view kChatMl =
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}";
constexpr std::string_view kLlama3Chat =
    "{{- bos_token }}{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content + '<|eot_id|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}";
constexpr std::string_view kDeepSeekChat =
    "{{- bos_token }}{%- for message in messages %}"
    "{%- if message.role == 'user' %}{{- '<｜User｜>' + message.content }}"
    "{%- elif message.role == 'assistant' %}{{- '<｜Assistant｜>' + message.content + eos_token }}"
    "{%- else %}{{- message.content }}{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<｜Assistant｜><think>\\n' }}{%- endif %}";

constexpr Special kQwenSpecials[] = {{151'643, "<|endoftext|>"}, {151'644, "<|im_start|>"}, {151'645, "<|im_end|>"}};
constexpr Special kDeepSeekSpecials[] = {
    {151'643, "<｜end▁of▁sentence｜>"},   {151'644, "<｜User｜>"}, {151'645, "<｜Assistant｜>"},
    {151'646, "<｜begin▁of▁sentence｜>"}, {151'648, "<think>"},    {151'649, "</think>"}};
constexpr Special kLlama3Specials[] = {{128'000, "<|begin_of_text|>"},
                                       {128'001, "<|end_of_text|>"},
                                       {128'006, "<|start_header_id|>"},
                                       {128'007, "<|end_header_id|>"},
                                       {128'009, "<|eot_id|>"}};
constexpr Special kSmolLmSpecials[] = {{0, "<|endoftext|>"}, {1, "<|im_start|>"}, {2, "<|im_end|>"}};
constexpr Special kTinySpecials[] = {{509, "<|endoftext|>"}, {510, "<|im_start|>"}, {511, "<|im_end|>"}};

// By VocabularyFamily.
constexpr Family kFamilies[] = {
    {"qwen2", 151'643, 0, kQwenSpecials, 151'643, 151'645, false, kChatMl},
    {"deepseek-r1-qwen", 151'643, 0, kDeepSeekSpecials, 151'646, 151'643, true, kDeepSeekChat},
    {"llama-bpe", 128'000, 0, kLlama3Specials, 128'000, 128'009, true, kLlama3Chat},
    {"smollm", 0, 17, kSmolLmSpecials, 1, 2, false, kChatMl},
    {"gpt-2", 509, 0, kTinySpecials, 509, 511, false, kChatMl},
};

std::string utf8(std::uint32_t code_point) {
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | (code_point >> 6)), static_cast<char>(0x80 | (code_point & 0x3F))};
}

// How byte-level BPE writes each byte: the printable ones of Latin-1 as themselves, the others from U+0100 on (GPT-2).
std::vector<std::string> byte_tokens() {
  const auto printable = [](std::uint32_t byte) {
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  };
  std::vector<std::string> tokens;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    if (printable(byte)) tokens.push_back(utf8(byte));
  }
  for (std::uint32_t moved = 256; tokens.size() < 256; ++moved) tokens.push_back(utf8(moved));
  return tokens;
}

// Words of small letters, some with the space that byte-level BPE writes before them, each the merge of two earlier.
class WordMaker {
 public:
  explicit WordMaker(std::uint64_t seed) : random_(seed) {
    for (char letter = 'a'; letter <= 'z'; ++letter) words_.emplace_back(1, letter);
  }

  // A word that was not there before; `merge` says what it is made of.
  std::string make(std::string& merge) {
    constexpr std::size_t kMaxBytes = 18;
    for (;;) {
      const bool spaced = random_.below(2) == 0;
      const std::string& left = spaced ? pick(spaced_words_) : pick(words_);
      const std::string& right = pick(words_);
      std::string word = left + right;
      if (word.size() > kMaxBytes || !known_.insert(word).second) continue;
      merge = left + " " + right;
      (spaced ? spaced_words_ : words_).push_back(word);
      return word;
    }
  }

 private:
  // Squaring prefers the early, short words, which real merges are made of too.
  const std::string& pick(const std::vector<std::string>& words) {
    const float place = random_.uniform();
    return words[static_cast<std::size_t>(place * place * static_cast<float>(words.size()))];
  }

  Random random_;
  std::vector<std::string> words_;
  std::vector<std::string> spaced_words_ = {"\u0120"};  // The byte 0x20 as byte-level BPE writes it.
  std::unordered_set<std::string> known_;
};

void name_specials(const Family& family, std::uint32_t first, std::uint32_t end, Vocabulary& vocabulary) {
  for (std::uint32_t id = first; id < end; ++id) {
    const auto named = std::ranges::find(family.specials, id, &Special::id);
    const bool known = named != family.specials.end();
    vocabulary.tokens.push_back(known ? std::string(named->text) : "<|reserved_" + std::to_string(id) + "|>");
    vocabulary.types.push_back(known ? kControl : kUnused);
  }
}

}  // namespace

Vocabulary make_vocabulary(const Shape& shape, std::uint64_t seed) {
  const Family& family = kFamilies[static_cast<std::size_t>(shape.vocabulary_family)];
  Vocabulary vocabulary{family.pre, {}, {}, {}, family.bos, family.eos, family.add_bos, family.chat_template};
  vocabulary.tokens.reserve(shape.vocabulary);
  const std::uint32_t special_end = family.special_count == 0 ? shape.vocabulary : family.special_count;
  const auto bytes = byte_tokens();
  WordMaker words(seed);
  std::size_t next_byte = 0;
  while (vocabulary.tokens.size() < shape.vocabulary) {
    if (vocabulary.tokens.size() == family.first_special) {
      name_specials(family, family.first_special, special_end, vocabulary);
      continue;
    }
    if (next_byte < bytes.size()) {
      vocabulary.tokens.push_back(bytes[next_byte++]);
    } else {
      vocabulary.tokens.push_back(words.make(vocabulary.merges.emplace_back()));
    }
    vocabulary.types.push_back(kNormal);
  }
  return vocabulary;
}

void describe(const Vocabulary& vocabulary, gguf::Writer& writer) {
  writer.set_string("tokenizer.ggml.model", "gpt2");
  writer.set_string("tokenizer.ggml.pre", vocabulary.pre);
  writer.set_strings("tokenizer.ggml.tokens", vocabulary.tokens);
  writer.set_i32s("tokenizer.ggml.token_type", vocabulary.types);
  writer.set_strings("tokenizer.ggml.merges", vocabulary.merges);
  writer.set_u32("tokenizer.ggml.bos_token_id", vocabulary.bos);
  writer.set_u32("tokenizer.ggml.eos_token_id", vocabulary.eos);
  writer.set_u32("tokenizer.ggml.padding_token_id", vocabulary.eos);
  writer.set_boolean("tokenizer.ggml.add_bos_token", vocabulary.add_bos);
  writer.set_string("tokenizer.chat_template", vocabulary.chat_template);
}

}  // namespace linnet::synthetic
