#include "runtime/text/grammar/constraint.h"

#include <algorithm>
#include <bit>
#include <string>

namespace linnet::text {
namespace {

constexpr std::size_t kRemembered = 4;

std::size_t words_for(std::size_t tokens) { return (tokens + 63) / 64; }

// Places from now on: one a byte of the longest token, and what a look ahead needs.
std::size_t path_size(const TokenTrie& trie) { return std::max(trie.longest() + 1, PlainRun::kPlaces); }

}  // namespace

Constraint::Constraint(const TokenTrie& trie, const ConstraintLimits& limits)
    : trie_(&trie), configurations_(limits), path_(path_size(trie), kNowhere), remembered_(kRemembered) {
  for (Remembered& mask : remembered_) mask.words.resize(words_for(trie.token_count()));
}

std::size_t Constraint::bytes_for(const TokenTrie& trie, const ConstraintLimits& limits) {
  return Configurations::bytes_for(limits) + path_size(trie) * sizeof(Configuration) +
         kRemembered * words_for(trie.token_count()) * sizeof(std::uint64_t);
}

Result<void> Constraint::reset(const Grammar& grammar, std::string_view source) {
  std::ranges::fill(path_, kNowhere);
  ended_ = false;
  for (Remembered& mask : remembered_) mask.at = kNowhere;
  LINNET_TRY(path_[0], configurations_.start(grammar, source));
  generation_ = configurations_.generation();
  plain_run_.begin(configurations_);
  return {};
}

// Walks entries in the order of their bytes; a token whose beginning leads nowhere ends all that share it. `found` is
// called with each token that the grammar allows and returns false to stop.
template <class Found>
void Constraint::walk(std::span<const TrieEntry> entries, std::span<const std::uint8_t> entry_bytes, Found found) {
  const std::uint8_t* bytes = entry_bytes.data();
  std::size_t alive = 0;  // path_[0 .. alive] belongs to the token in hand.
  for (const TrieEntry& entry : entries) {
    const std::uint8_t* own = bytes;
    bytes += entry.own;
    if (entry.shared > alive) continue;
    std::size_t depth = entry.shared;
    const std::size_t size = depth + entry.own;
    while (depth < size) {
      const Configuration next = configurations_.step(path_[depth], *own++, std::span(path_).first(depth + 1));
      if (next == kNowhere) break;
      path_[++depth] = next;
    }
    alive = depth;
    if (depth == size && !found(entry.token)) return;
  }
}

std::size_t Constraint::fill(std::span<std::uint64_t> words) {
  std::ranges::fill(words, 0);
  std::size_t count = 0;
  const auto plain = plain_run_.length(configurations_, path_);
  if (plain) {
    std::ranges::copy(trie_->plain().up_to(*plain), words.begin());
    for (const std::uint64_t word : words) count += static_cast<std::size_t>(std::popcount(word));
  }
  const auto word_of = [&](TokenId token) -> std::uint64_t& { return words[static_cast<std::size_t>(token) / 64]; };
  const auto bit_of = [](TokenId token) { return std::uint64_t{1} << (token % 64); };
  const auto take = [&](TokenId token) {
    word_of(token) |= bit_of(token);
    ++count;
    return true;
  };
  if (plain) {
    walk(trie_->plain().others(), trie_->plain().other_bytes(), take);
  } else {
    walk(trie_->entries(), trie_->bytes(), take);
  }
  const bool may_end = may_finish();
  for (const TokenId token : trie_->end_tokens()) {
    const bool walked = (word_of(token) & bit_of(token)) != 0;
    count += may_end ? 1 : 0;
    count -= walked ? 1 : 0;
    word_of(token) &= ~bit_of(token);
    if (may_end) word_of(token) |= bit_of(token);
  }
  return count;
}

Result<std::size_t> Constraint::checked(std::size_t count) const {
  if (configurations_.failed()) {
    return fail(ErrorKind::kExhausted, "grammar: it goes on in more ways than there is memory planned for");
  }
  if (count == 0) return fail(ErrorKind::kExhausted, "grammar: no token can go on from here");
  return count;
}

Result<std::size_t> Constraint::mask(std::span<std::uint64_t> words) {
  if (ended_) {
    std::ranges::fill(words, 0);
    return std::size_t{0};
  }
  if (generation_ == configurations_.generation()) {
    for (const Remembered& mask : remembered_) {
      if (mask.at != path_[0]) continue;
      std::ranges::copy(mask.words, words.begin());
      return mask.count;
    }
  } else {
    for (Remembered& mask : remembered_) mask.at = kNowhere;
  }
  const std::size_t count = fill(words);
  // The walk may have begun a new generation, in which path_[0] has got its new number.
  if (generation_ != configurations_.generation()) {
    for (Remembered& mask : remembered_) mask.at = kNowhere;
    generation_ = configurations_.generation();
  }
  Remembered& mask = remembered_[next_remembered_++ % kRemembered];
  mask.at = path_[0];
  mask.count = count;
  std::ranges::copy(words.first(mask.words.size()), mask.words.begin());
  return checked(count);
}

bool Constraint::accept(TokenId token) {
  if (ended_) return false;
  if (trie_->tokenizer().ends_generation(token)) {
    ended_ = may_finish();
    return ended_;
  }
  if (!trie_->tokenizer().contains(token) || trie_->tokenizer().type(token) == TokenType::kUnused) return false;
  const std::string_view piece = trie_->tokenizer().piece(token);
  if (piece.empty()) return false;
  std::size_t depth = 0;
  for (const char c : piece) {
    const Configuration next =
        configurations_.step(path_[depth], static_cast<std::uint8_t>(c), std::span(path_).first(depth + 1));
    if (next == kNowhere) return false;
    path_[++depth] = next;
  }
  path_[0] = path_[depth];
  return true;
}

std::optional<TokenId> Constraint::forced() {
  if (ended_) return std::nullopt;
  std::size_t count = 0;
  TokenId only = kNoToken;
  const auto note = [&](TokenId token) {
    if (trie_->tokenizer().ends_generation(token)) return true;
    only = token;
    return ++count < 2;
  };
  if (may_finish() && !trie_->end_tokens().empty()) {
    only = trie_->end_tokens().front();
    count = trie_->end_tokens().size();
  }
  if (count < 2) walk(trie_->entries(), trie_->bytes(), note);
  return count == 1 ? std::optional(only) : std::nullopt;
}

}  // namespace linnet::text
