#include "runtime/text/stream_decoder.h"

#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr std::string_view kReplacementText = "\xEF\xBF\xBD";

}  // namespace

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  pending_.reserve(tokenizer.longest_piece() + 4);
  text_.reserve(kReplacementText.size() * (tokenizer.longest_piece() + 4));
  reset();
}

void StreamDecoder::reset(Beginning beginning) {
  pending_.clear();
  at_start_ = beginning == Beginning::kText;
}

std::string_view StreamDecoder::push(TokenId token) {
  std::string_view piece = tokenizer_.piece(token);
  if (at_start_ && !piece.empty()) {
    at_start_ = false;
    if (tokenizer_.starts_with_space() && piece[0] == ' ') piece.remove_prefix(1);
  }
  if (pending_.empty() && valid_prefix(piece) == piece.size()) return piece;
  pending_ += piece;
  return take(false);
}

std::string_view StreamDecoder::finish() { return take(true); }

std::string_view StreamDecoder::take(bool all) {
  text_.clear();
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const std::size_t good = valid_prefix(rest);
    text_ += rest.substr(0, good);
    rest.remove_prefix(good);
    if (rest.empty()) break;
    const CodePoint broken = read_code_point(rest);
    if (broken.state == Utf8State::kIncomplete && !all) break;
    text_ += kReplacementText;
    rest.remove_prefix(broken.size);
  }
  pending_.erase(0, pending_.size() - rest.size());
  return text_;
}

}  // namespace linnet::text
