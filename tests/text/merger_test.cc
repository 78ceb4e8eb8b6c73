#include "runtime/text/merger.h"

#include <gtest/gtest.h>

#include <random>

#include "runtime/text/tables_builder.h"
#include "tests/text/small_vocabulary.h"

namespace linnet::text {
namespace {

// The definition: again and again the pair of lowest rank, of equal ones the leftmost.
std::vector<Symbol> merged_simply(const Tables& tables, std::vector<Symbol> symbols) {
  for (;;) {
    std::size_t best = symbols.size();
    std::uint32_t rank = kNoRank;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const std::uint32_t other = tables.merge(symbols[i], symbols[i + 1]).rank;
      if (other < rank) {
        best = i;
        rank = other;
      }
    }
    if (best == symbols.size()) return symbols;
    symbols[best] = tables.merge(symbols[best], symbols[best + 1]).merged;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
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
