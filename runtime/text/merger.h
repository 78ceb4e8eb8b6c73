// Merges the symbols of one word by rank, lowest first: the inner loop of every BPE.
//
// The order is that of the reference implementations: among all neighbours that a rule joins, the one with the
// lowest rank, and of equal ones the leftmost. Short words look for it by scanning, long ones with a heap, so a word
// of n symbols takes O(n log n) and one of a million equal characters is as fast a byte as any other text.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/text/tables.h"

namespace linnet::text {

struct MergeNode {
  Symbol symbol;
  std::uint32_t start;     // Where its bytes begin in the word.
  std::uint32_t rank;      // Of the rule that joins it with the next node; kNoRank where none does.
  Symbol merged;           // What that rule makes.
  std::uint32_t next;      // While merging by heap.
  std::uint32_t previous;  // The same.
};

// Works in borrowed memory; one word at a time: clear(), add() its symbols, merge(), read nodes().
class Merger {
 public:
  // Bytes of memory for words of up to `symbols` symbols, from 8-byte aligned memory.
  [[nodiscard]] static constexpr std::size_t node_count(std::size_t symbols) { return symbols; }
  [[nodiscard]] static constexpr std::size_t heap_count(std::size_t symbols) { return 2 * symbols; }

  Merger(const Tables& tables, std::span<MergeNode> nodes, std::span<std::uint64_t> heap)
      : tables_(tables), nodes_(nodes), heap_(heap) {}

  void clear() { count_ = 0; }
  void add(Symbol symbol, std::size_t start) {
    assert(count_ < nodes_.size());
    nodes_[count_++] = {symbol, static_cast<std::uint32_t>(start), kNoRank, kNoSymbol, 0, 0};
  }

  void merge();

  [[nodiscard]] std::span<const MergeNode> nodes() const { return nodes_.first(count_); }

 private:
  void rank(MergeNode& left, const MergeNode& right);
  void merge_by_scan();
  void merge_by_heap();
  void push(std::uint32_t left);
  void join(std::uint32_t left);

  const Tables& tables_;
  std::span<MergeNode> nodes_;
  std::span<std::uint64_t> heap_;  // rank << 32 | index of the left node, the smallest first.
  std::size_t count_ = 0;
  std::size_t heap_size_ = 0;
};

}  // namespace linnet::text
