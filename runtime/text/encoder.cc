#include "runtime/text/encoder.h"

#include <algorithm>
#include <string>

#include "runtime/text/byte_digits.h"
#include "runtime/text/normalize.h"
#include "runtime/text/unicode_differences.h"
#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr std::size_t kAlign = 16;
// Of a text's bytes: three copies, the nodes and the heap.
constexpr std::size_t kBytesPerByte = 3 + sizeof(MergeNode) + 2 * sizeof(std::uint64_t);
constexpr std::size_t kFixed = PreTokenizer::scratch_bytes() + 8 * kAlign + 8 * kBytesPerByte;

constexpr std::size_t aligned(std::size_t at) { return (at + kAlign - 1) & ~(kAlign - 1); }

// A word of max_text characters and the space before it.
constexpr std::size_t most_symbols(std::size_t max_text) { return max_text + 1; }

template <class T>
std::span<T> part(std::span<std::byte> scratch, std::size_t offset, std::size_t count) {
  return {reinterpret_cast<T*>(scratch.data() + offset), count};
}

tl::unexpected<Error> too_long(std::size_t max_text) {
  return fail(ErrorKind::kExhausted,
              "the text is longer than the " + std::to_string(max_text) + " bytes that were planned for tokenising");
}

}  // namespace

ScratchLayout ScratchLayout::for_text(std::size_t max_text) {
  ScratchLayout layout;
  layout.max_text = max_text;
  layout.repaired = aligned(PreTokenizer::scratch_bytes());
  layout.normal = aligned(layout.repaired + max_text);
  layout.seen = aligned(layout.normal + max_text);
  layout.nodes = aligned(layout.seen + max_text);
  layout.heap = aligned(layout.nodes + most_symbols(max_text) * sizeof(MergeNode));
  layout.size = layout.heap + Merger::heap_count(most_symbols(max_text)) * sizeof(std::uint64_t);
  return layout;
}

ScratchLayout ScratchLayout::within(std::size_t bytes) {
  return bytes < kFixed ? ScratchLayout{} : for_text((bytes - kFixed) / kBytesPerByte);
}

std::size_t Tokenizer::scratch_bytes(std::size_t max_text) const { return kFixed + max_text * kBytesPerByte; }

Result<std::size_t> Tokenizer::encode(std::string_view text, EncodeOptions options, std::span<TokenId> out,
                                      std::span<std::byte> scratch) const {
  return Encoder(*this, options, out, scratch).encode(text);
}

Encoder::Encoder(const Tokenizer& tokenizer, EncodeOptions options, std::span<TokenId> out,
                 std::span<std::byte> scratch)
    : tokenizer_(tokenizer),
      tables_(tokenizer.tables_),
      options_(options),
      out_(out),
      scratch_(scratch),
      layout_(ScratchLayout::within(scratch.size())),
      merger_(tables_, part<MergeNode>(scratch, layout_.nodes, layout_.size == 0 ? 0 : most_symbols(layout_.max_text)),
              part<std::uint64_t>(scratch, layout_.heap,
                                  layout_.size == 0 ? 0 : Merger::heap_count(most_symbols(layout_.max_text)))) {}

Result<std::size_t> Encoder::encode(std::string_view text) {
  const auto full = [&] {
    return fail(ErrorKind::kExhausted, "the text has more than " + std::to_string(out_.size()) + " tokens");
  };
  if (layout_.size == 0 || text.size() > layout_.max_text) return too_long(layout_.max_text);
  const SpecialTokens& special = tokenizer_.special_;
  if (options_.add_special && special.add_bos && special.bos != kNoToken && !put(static_cast<Symbol>(special.bos))) {
    return full();
  }
  LINNET_TRY(const std::string_view whole, repaired(text));
  for (std::size_t at = 0; at < whole.size();) {
    const Special next = next_special(whole, at);
    if (next.start > at) LINNET_CHECK(fragment(whole.substr(at, next.start - at)));
    if (next.size > 0 && !put(static_cast<Symbol>(next.token))) return full();
    if (next.size > 0) after_special_ = true;
    at = next.start + next.size;
  }
  const TokenId last = special.add_separator ? special.separator : special.add_eos ? special.eos : kNoToken;
  if (options_.add_special && last != kNoToken && !put(static_cast<Symbol>(last))) return full();
  return count_;
}

Result<std::string_view> Encoder::repaired(std::string_view text) {
  std::size_t good = valid_prefix(text);
  if (good == text.size()) return text;
  const std::span<char> out = part<char>(scratch_, layout_.repaired, layout_.max_text);
  std::size_t size = 0;
  while (!text.empty()) {
    const std::size_t replacement = good < text.size() ? 3 : 0;
    if (good + replacement > out.size() - size) return too_long(layout_.max_text);
    std::ranges::copy(text.substr(0, good), out.begin() + static_cast<std::ptrdiff_t>(size));
    size += good;
    text.remove_prefix(good);
    if (text.empty()) break;
    size += write_code_point(kReplacement, out.data() + size);
    text.remove_prefix(read_code_point(text).size);
    good = valid_prefix(text);
  }
  return std::string_view(out.data(), size);
}

// The first special token from `from`, of several the longest: leftmost-longest, as the reference's Aho-Corasick.
Encoder::Special Encoder::next_special(std::string_view text, std::size_t from) const {
  if (!tables_.specials().empty()) {
    for (std::size_t at = from; at < text.size(); ++at) {
      if (!tokenizer_.special_starts_[static_cast<unsigned char>(text[at])]) continue;
      const Special found = special_at(text, at);
      if (found.size > 0) return found;
    }
  }
  return {text.size(), 0, kNoToken};
}

// Narrows the sorted specials byte by byte to those that go on as the text does.
Encoder::Special Encoder::special_at(std::string_view text, std::size_t at) const {
  std::span<const Symbol> candidates = tables_.specials();
  Special found{at, 0, kNoToken};
  for (std::size_t depth = 0; at + depth < text.size() && !candidates.empty(); ++depth) {
    const auto byte_of = [&](Symbol symbol) -> int {
      const std::string_view piece = tables_.piece(symbol);
      return depth < piece.size() ? static_cast<unsigned char>(piece[depth]) : -1;
    };
    const int wanted = static_cast<unsigned char>(text[at + depth]);
    const auto first =
        std::partition_point(candidates.begin(), candidates.end(), [&](Symbol s) { return byte_of(s) < wanted; });
    const auto last = std::partition_point(first, candidates.end(), [&](Symbol s) { return byte_of(s) == wanted; });
    candidates = {first, last};
    for (const Symbol symbol : candidates) {
      if (tables_.piece(symbol).size() != depth + 1) break;  // The shortest come first.
      const bool matches =
          options_.parse_special || tables_.type(static_cast<TokenId>(symbol)) == TokenType::kUserDefined;
      if (matches) found = {at, depth + 1, static_cast<TokenId>(symbol)};
      if (matches) break;
    }
  }
  return found;
}

Result<void> Encoder::fragment(std::string_view text) {
  switch (tables_.header().kind) {
    case TokenizerKind::kByteLevelBpe: return byte_level(text);
    case TokenizerKind::kCharacterBpe:
    case TokenizerKind::kSentencePiece: return characters(text);
    case TokenizerKind::kWordPiece: return word_pieces(text);
  }
  return {};
}

Result<void> Encoder::byte_level(std::string_view text) {
  if (tokenizer_.normalization_ == Normalization::kNfc) {
    LINNET_TRY(text,
               to_nfc(text, part<char>(scratch_, layout_.normal, layout_.max_text), scratch_.subspan(layout_.nodes)));
  }
  const std::string_view seen = with_stand_ins(text, part<char>(scratch_, layout_.seen, layout_.max_text));
  const bool in_threes = tokenizer_.byte_digits_ == ByteDigits::kInThrees;
  const auto put_word = [this](std::string_view word) { return byte_word(word); };
  bool room = true;
  std::size_t at = 0;  // Words come in order and leave nothing out, so those of `seen` lie where those of `text` do.
  LINNET_CHECK(
      tokenizer_.pre_tokenizer_.split(seen, scratch_.first(PreTokenizer::scratch_bytes()), [&](std::string_view word) {
        const std::string_view original = text.substr(at, word.size());
        room = in_threes ? cut_byte_digits(original, put_word) : byte_word(original);
        at += word.size();
        return room;
      }));
  if (!room) return fail(ErrorKind::kExhausted, "the text has more than " + std::to_string(out_.size()) + " tokens");
  return {};
}

bool Encoder::byte_word(std::string_view word) {
  if (const Symbol whole = tables_.find(word); whole != kNoSymbol) return put(whole);
  merger_.clear();
  for (std::size_t i = 0; i < word.size(); ++i) {
    const Symbol symbol = tables_.byte_symbol(static_cast<std::uint8_t>(word[i]));
    if (symbol != kNoSymbol) merger_.add(symbol, i);  // The reference drops bytes that a vocabulary lacks.
  }
  merger_.merge();
  return std::ranges::all_of(merger_.nodes(), [this](const MergeNode& node) {
    return node.symbol < tables_.token_count() ? put(node.symbol) : put_bytes(tables_.piece(node.symbol));
  });
}

bool Encoder::put_bytes(std::string_view bytes) {
  return std::ranges::all_of(bytes, [&](char byte) {
    const Symbol symbol = tables_.byte_symbol(static_cast<std::uint8_t>(byte));
    if (symbol != kNoSymbol) return put(symbol);
    // One unknown for a run of them, as the reference fuses them.
    if (tokenizer_.special_.unknown == kNoToken || last_unknown_) return true;
    const bool room = put(static_cast<Symbol>(tokenizer_.special_.unknown));
    last_unknown_ = true;
    return room;
  });
}

bool Encoder::put(Symbol symbol) {
  last_unknown_ = false;
  if (count_ == out_.size()) return false;
  out_[count_++] = static_cast<TokenId>(symbol);
  return true;
}

}  // namespace linnet::text
