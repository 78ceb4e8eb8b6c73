#include "runtime/text/merger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "runtime/text/tables_builder.h"
#include "tests/text/small_vocabulary.h"

namespace linnet::text {
namespace {

// The definition: again and again the pair of lowest rank, of equal ones the leftmost.
std::vector<Symbol> merged_simply(const Tables& tables, std::vector<Symbol> symbols) {
  const auto rank_at = [&](std::size_t i) { return tables.merge(symbols[i], symbols[i + 1]).rank; };
  std::vector<std::uint32_t> ranks;  // Kept, for nearly all of an emulated run's time went into looking them up again.
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) ranks.push_back(rank_at(i));
  for (;;) {
    const auto lowest = std::min_element(ranks.begin(), ranks.end());
    if (lowest == ranks.end() || *lowest == kNoRank) return symbols;
    const auto best = static_cast<std::size_t>(lowest - ranks.begin());
    symbols[best] = tables.merge(symbols[best], symbols[best + 1]).merged;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    ranks.erase(lowest);
    if (best > 0) ranks[best - 1] = rank_at(best - 1);
    if (best < ranks.size()) ranks[best] = rank_at(best);
  }
}

TEST(Merger, ScanAndHeapAgreeWithTheDefinition) {
  SmallVocabulary vocabulary(
      {"a b", "b a", "a a", "ab a", "aa b", "b b", "ab ab", "aaa b", "ba ba", "abab ab", "aa aa"});
  const auto form = form_of(vocabulary.source());
  ASSERT_TRUE(form);
  const auto block = build_tables(vocabulary.source(), *form);
  ASSERT_TRUE(block) << block.error().message;
  const auto tables = Tables::view(block->bytes());
  ASSERT_TRUE(tables) << tables.error().message;

  std::vector<MergeNode> nodes(600);
  std::vector<std::uint64_t> heap(Merger::heap_count(600));
  Merger merger(*tables, nodes, heap);
  std::mt19937 random(1);
  for (std::size_t round = 0; round < 3000; ++round) {
    const std::size_t size = round % 600 + 1;
    merger.clear();
    std::vector<Symbol> symbols;
    for (std::size_t i = 0; i < size; ++i) {
      symbols.push_back(tables->byte_symbol(static_cast<std::uint8_t>(random() % 8 == 0 ? 'c' : 'a' + random() % 2)));
      merger.add(symbols.back(), i);
    }
    merger.merge();
    std::vector<Symbol> got;
    for (const MergeNode& node : merger.nodes()) got.push_back(node.symbol);
    ASSERT_EQ(got, merged_simply(*tables, symbols)) << "round " << round;
  }
}

}  // namespace
}  // namespace linnet::text
