#include "runtime/text/template/sort.h"

#include <algorithm>
#include <numeric>

#include "runtime/text/template/operators.h"
#include "runtime/text/template/workspace.h"

namespace linnet::templates {

namespace {

// Merge sort: std::sort must not meet comparisons that fail or contradict one another (NaN).
class MergeSort {
 public:
  MergeSort(Workspace& workspace, const std::vector<Value>& keys, bool descending)
      : workspace_(workspace), keys_(keys), descending_(descending), order_(keys.size()), scratch_(keys.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  Result<std::vector<std::size_t>> run() {
    for (std::size_t width = 1; width < keys_.size(); width *= 2) {
      for (std::size_t begin = 0; begin < keys_.size(); begin += 2 * width) {
        LINNET_CHECK(merge(begin, std::min(begin + width, keys_.size()), std::min(begin + 2 * width, keys_.size())));
      }
      order_.swap(scratch_);
    }
    return std::move(order_);
  }

 private:
  Result<void> merge(std::size_t begin, std::size_t middle, std::size_t end) {
    std::size_t left = begin;
    std::size_t right = middle;
    for (std::size_t out = begin; out < end; ++out) {
      bool take_right = left == middle;
      if (left < middle && right < end) {
        const Value& a = keys_[order_[left]];
        const Value& b = keys_[order_[right]];
        LINNET_CHECK(workspace_.spend(1 + std::min(a.weight(), b.weight())));
        LINNET_TRY(take_right, descending_ ? less(workspace_, a, b) : less(workspace_, b, a));
      }
      scratch_[out] = order_[take_right ? right++ : left++];
    }
    return {};
  }

  Workspace& workspace_;
  const std::vector<Value>& keys_;
  bool descending_;
  std::vector<std::size_t> order_;
  std::vector<std::size_t> scratch_;
};

}  // namespace

Result<std::vector<std::size_t>> sorted_order(Workspace& workspace, const std::vector<Value>& keys) {
  return MergeSort(workspace, keys, false).run();
}

Result<std::vector<std::size_t>> sorted_order_reversed(Workspace& workspace, const std::vector<Value>& keys) {
  return MergeSort(workspace, keys, true).run();
}

}  // namespace linnet::templates
