// Encoding by characters: SentencePiece's algorithm and BPE over characters, spaces a character like others.
#include <algorithm>

#include "runtime/text/encoder.h"
#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr std::string_view kSpace = " ";
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, the same symbol as a space.

std::size_t space_size(std::string_view text) {
  return text.starts_with(' ') ? 1 : text.starts_with(kSpaceMark) ? kSpaceMark.size() : 0;
}

// The end of the word that starts at 0: spaces, then everything up to the next space.
std::size_t word_end(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && space_size(text.substr(at)) > 0) at += space_size(text.substr(at));
  while (at < text.size() && space_size(text.substr(at)) == 0) ++at;
  return at;
}

}  // namespace

Result<void> Encoder::characters(std::string_view text) {
  bool with_space = tokenizer_.space_prefix_ && after_special_;
  after_special_ = false;
  bool room = true;
  LINNET_CHECK(
      tokenizer_.pre_tokenizer_.split(text, scratch_.first(PreTokenizer::scratch_bytes()), [&](std::string_view piece) {
        while (!piece.empty() && room) {
          const std::size_t end = tables_.header().words_end_at_spaces != 0 ? word_end(piece) : piece.size();
          room = character_word(piece.substr(0, end), with_space);
          with_space = false;
          piece.remove_prefix(end);
        }
        return room;
      }));
  if (!room) return fail(ErrorKind::kExhausted, "the text has more than " + std::to_string(out_.size()) + " tokens");
  return {};
}

bool Encoder::character_word(std::string_view word, bool with_space) {
  if (!with_space) {
    if (const Symbol whole = tables_.find(word); whole != kNoSymbol && whole < tables_.token_count()) return put(whole);
  }
  merger_.clear();
  if (with_space) merger_.add(tables_.find(kSpace), 0);
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t space = space_size(word.substr(at));
    const std::size_t size = space > 0 ? space : read_code_point(word.substr(at)).size;
    merger_.add(tables_.find(space > 0 ? kSpace : word.substr(at, size)), at);
    at += size;
  }
  merger_.merge();
  const auto nodes = merger_.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Symbol symbol = nodes[i].symbol;
    if (symbol < tables_.token_count()) {
      if (!put(symbol)) return false;
      continue;
    }
    const std::size_t end = i + 1 < nodes.size() ? nodes[i + 1].start : word.size();
    if (!put_bytes(word.substr(nodes[i].start, end - nodes[i].start))) return false;
  }
  return true;
}

}  // namespace linnet::text
