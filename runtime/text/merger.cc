#include "runtime/text/merger.h"

#include <algorithm>
#include <functional>

namespace linnet::text {
namespace {

constexpr std::size_t kScanLimit = 32;  // Words up to here are faster without a heap.
constexpr std::uint32_t kEnd = 0xFFFFFFFF;

}  // namespace

void Merger::rank(MergeNode& left, const MergeNode& right) {
  const Merge& rule = tables_.merge(left.symbol, right.symbol);
  left.rank = rule.rank;
  left.merged = rule.merged;
}

void Merger::merge() {
  if (count_ < 2) return;
  for (std::size_t i = 0; i + 1 < count_; ++i) rank(nodes_[i], nodes_[i + 1]);
  if (count_ <= kScanLimit) {
    merge_by_scan();
  } else {
    merge_by_heap();
  }
}

void Merger::merge_by_scan() {
  for (;;) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count_; ++i) {
      if (nodes_[i].rank < nodes_[best].rank) best = i;
    }
    if (nodes_[best].rank == kNoRank) return;
    nodes_[best].symbol = nodes_[best].merged;
    --count_;
    for (std::size_t i = best + 1; i < count_; ++i) nodes_[i] = nodes_[i + 1];
    nodes_[best].rank = kNoRank;
    if (best + 1 < count_) rank(nodes_[best], nodes_[best + 1]);
    if (best > 0) rank(nodes_[best - 1], nodes_[best]);
  }
}

void Merger::push(std::uint32_t left) {
  if (nodes_[left].rank == kNoRank) return;
  assert(heap_size_ < heap_.size());
  heap_[heap_size_++] = std::uint64_t{nodes_[left].rank} << 32 | left;
  std::push_heap(heap_.begin(), heap_.begin() + static_cast<std::ptrdiff_t>(heap_size_), std::greater<>());
}

void Merger::join(std::uint32_t left) {
  MergeNode& node = nodes_[left];
  const MergeNode& gone = nodes_[node.next];
  nodes_[node.next].rank = kNoRank;  // No entry of the heap speaks for it any more.
  node.symbol = node.merged;
  node.next = gone.next;
  node.rank = kNoRank;
  if (node.next != kEnd) {
    nodes_[node.next].previous = left;
    rank(node, nodes_[node.next]);
    push(left);
  }
  if (node.previous != kEnd) {
    rank(nodes_[node.previous], node);
    push(node.previous);
  }
}

// An entry of the heap is out of date when its node is gone or has got another rank; the node's rank tells both.
// At most one entry a node at the start and two more a merge: with one popped, never more than two a node.
void Merger::merge_by_heap() {
  heap_size_ = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    nodes_[i].next = i + 1 < count_ ? i + 1 : kEnd;
    nodes_[i].previous = i > 0 ? i - 1 : kEnd;
    if (nodes_[i].rank != kNoRank) heap_[heap_size_++] = std::uint64_t{nodes_[i].rank} << 32 | i;
  }
  const auto end = [&] { return heap_.begin() + static_cast<std::ptrdiff_t>(heap_size_); };
  std::make_heap(heap_.begin(), end(), std::greater<>());
  while (heap_size_ > 0) {
    std::pop_heap(heap_.begin(), end(), std::greater<>());
    const std::uint64_t top = heap_[--heap_size_];
    const auto left = static_cast<std::uint32_t>(top);
    if (nodes_[left].rank == static_cast<std::uint32_t>(top >> 32)) join(left);
  }
  std::size_t kept = 0;
  for (std::uint32_t i = 0; i != kEnd; i = nodes_[i].next) nodes_[kept++] = nodes_[i];
  count_ = kept;
}

}  // namespace linnet::text
