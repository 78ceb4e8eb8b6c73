// Order, membership and slices of template values.
#include <algorithm>
#include <cmath>
#include <string>

#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/repr.h"
#include "runtime/text/template/utf8.h"

namespace linnet::templates {

namespace {

tl::unexpected<Error> not_ordered(const Value& left, const Value& right) {
  return python_error("no order between " + quoted(type_name_of(left)) + " and " + quoted(type_name_of(right)));
}

enum class Order { kLess, kEqual, kGreater, kNone };  // kNone: a NaN is involved.

template <class T>
Order order_of(const T& a, const T& b) {
  if (a < b) return Order::kLess;
  if (b < a) return Order::kGreater;
  return a == b ? Order::kEqual : Order::kNone;
}

// Exact where a float cannot hold the integer.
Order order_of_mixed(std::int64_t whole, double real) {
  if (std::isnan(real)) return Order::kNone;
  if (real >= 0x1p63) return Order::kLess;
  if (real < -0x1p63) return Order::kGreater;
  const Order order = order_of(whole, static_cast<std::int64_t>(real));
  return order != Order::kEqual ? order : order_of(0.0, real - std::trunc(real));
}

Order order_of_numbers(const Value& a, const Value& b) {
  const auto whole_a = as_index(a);
  const auto whole_b = as_index(b);
  if (whole_a && whole_b) return order_of(*whole_a, *whole_b);
  if (whole_a) return order_of_mixed(*whole_a, b.as_float());
  if (!whole_b) return order_of(a.as_float(), b.as_float());
  switch (order_of_mixed(*whole_b, a.as_float())) {
    case Order::kLess: return Order::kGreater;
    case Order::kGreater: return Order::kLess;
    case Order::kEqual: return Order::kEqual;
    case Order::kNone: break;
  }
  return Order::kNone;
}

Result<Order> order_of_values(Workspace& workspace, const Value& a, const Value& b);

// Lists are ordered by their first difference.
Result<Order> order_of_sequences(Workspace& workspace, const Value& a, const Value& b) {
  const auto& left = a.items();
  const auto& right = b.items();
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    LINNET_CHECK(workspace.spend(1 + std::min(left[i].weight(), right[i].weight())));
    if (!equal(left[i], right[i])) return order_of_values(workspace, left[i], right[i]);
  }
  return order_of(left.size(), right.size());
}

Result<Order> order_of_values(Workspace& workspace, const Value& a, const Value& b) {
  if (a.is(Kind::kUndefined)) return undefined_error(a);
  if (b.is(Kind::kUndefined)) return undefined_error(b);
  if (a.is_number() && b.is_number()) return order_of_numbers(a, b);
  if (a.kind() != b.kind()) return not_ordered(a, b);
  // UTF-8 sorts like its code points.
  if (a.is(Kind::kString)) return order_of(a.as_string().compare(b.as_string()), 0);
  if (a.is_sequence()) return order_of_sequences(workspace, a, b);
  return not_ordered(a, b);
}

Result<bool> contains_by_iteration(Interpreter& interpreter, const Value& haystack, const Value& needle) {
  LINNET_TRY(Iterator * iterator, interpreter.iterate(haystack));
  while (true) {
    LINNET_TRY(const std::optional<Value> item, iterator->next(interpreter));
    if (!item) return false;
    LINNET_CHECK(interpreter.workspace().spend(std::min(item->weight(), needle.weight())));
    if (equal(*item, needle)) return true;
  }
}

}  // namespace

Result<bool> less(Workspace& workspace, const Value& left, const Value& right) {
  LINNET_TRY(const Order order, order_of_values(workspace, left, right));
  return order == Order::kLess;
}

Result<bool> contains(Interpreter& interpreter, const Value& haystack, const Value& needle) {
  Workspace& workspace = interpreter.workspace();
  if (haystack.is(Kind::kString)) {
    if (needle.is(Kind::kUndefined) || !needle.is(Kind::kString)) {
      return python_error("'in <string>' requires string as left operand, not " + std::string(type_name_of(needle)));
    }
    LINNET_CHECK(workspace.spend_search(haystack.as_string(), needle.as_string()));
    return haystack.as_string().find(needle.as_string()) != std::string::npos;
  }
  if (haystack.is(Kind::kDict)) {
    if (!is_hashable(needle)) return python_error("unhashable type: " + quoted(type_name_of(needle)));
    LINNET_CHECK(workspace.spend(needle.weight()));
    return haystack.as_dict().find(needle) != nullptr;
  }
  if (haystack.is_sequence()) {
    for (const Value& item : haystack.items()) {
      LINNET_CHECK(workspace.spend(std::min(item.weight(), needle.weight())));
      if (equal(item, needle)) return true;
    }
    return false;
  }
  if (!is_iterable(haystack)) {
    return python_error("argument of type " + quoted(type_name_of(haystack)) + " is not iterable");
  }
  return contains_by_iteration(interpreter, haystack, needle);
}

Result<bool> compare(Interpreter& interpreter, Comparison comparison, const Value& left, const Value& right) {
  Workspace& workspace = interpreter.workspace();
  if (comparison == Comparison::kIn) return contains(interpreter, right, left);
  if (comparison == Comparison::kNotIn) {
    LINNET_TRY(const bool found, contains(interpreter, right, left));
    return !found;
  }
  if (comparison == Comparison::kEqual || comparison == Comparison::kNotEqual) {
    LINNET_CHECK(workspace.spend(std::min(left.weight(), right.weight())));
    return equal(left, right) == (comparison == Comparison::kEqual);
  }
  LINNET_TRY(const Order order, order_of_values(workspace, left, right));
  switch (comparison) {
    case Comparison::kLess: return order == Order::kLess;
    case Comparison::kLessOrEqual: return order == Order::kLess || order == Order::kEqual;
    case Comparison::kGreater: return order == Order::kGreater;
    default: return order == Order::kGreater || order == Order::kEqual;
  }
}

namespace {

// Where a slice starts, how far it goes and how many it takes: Python's slice.indices.
struct Selection {
  std::int64_t start;
  std::int64_t stop;
  std::int64_t step;
  std::size_t count;
};

Result<std::optional<std::int64_t>> slice_bound(const Value& bound) {
  if (bound.is(Kind::kNone)) return std::nullopt;
  const auto index = as_index(bound);
  if (!index) return python_error("slice indices must be integers or None");
  return index;
}

std::int64_t clamp_bound(std::int64_t bound, std::int64_t length, bool backwards) {
  if (bound < 0) bound = std::max(bound, -length - 1) + length;  // The sum cannot overflow.
  return backwards ? std::clamp<std::int64_t>(bound, -1, length - 1) : std::clamp<std::int64_t>(bound, 0, length);
}

Result<Selection> select(const Value& start, const Value& stop, const Value& step, std::size_t size) {
  LINNET_TRY(const auto given_step, slice_bound(step));
  LINNET_TRY(const auto given_start, slice_bound(start));
  LINNET_TRY(const auto given_stop, slice_bound(stop));
  const auto length = static_cast<std::int64_t>(size);
  // No list is longer, and this way no sum overflows.
  const std::int64_t by = std::clamp<std::int64_t>(given_step.value_or(1), -length - 1, length + 1);
  if (given_step == 0) return python_error("slice step cannot be zero");
  const bool backwards = by < 0;
  Selection selection{backwards ? length - 1 : 0, backwards ? -1 : length, by, 0};
  if (given_start) selection.start = clamp_bound(*given_start, length, backwards);
  if (given_stop) selection.stop = clamp_bound(*given_stop, length, backwards);
  const std::int64_t distance = backwards ? selection.start - selection.stop : selection.stop - selection.start;
  const std::int64_t stride = backwards ? -by : by;
  if (distance > 0) selection.count = static_cast<std::size_t>((distance + stride - 1) / stride);
  return selection;
}

Result<Value> slice_string(Workspace& workspace, const Value& object, const Selection& selection) {
  const std::string_view text = object.as_string();
  LINNET_CHECK(workspace.spend_bytes(text.size()));
  if (selection.count == 0) return workspace.string("", object.is_markup());
  if (selection.step == 1) {
    const std::size_t begin = byte_offset(text, static_cast<std::size_t>(selection.start));
    const std::string_view tail = text.substr(begin);
    return workspace.string(std::string(tail.substr(0, byte_offset(tail, selection.count))), object.is_markup());
  }
  std::vector<std::size_t> offsets;
  offsets.reserve(object.code_points() + 1);
  for (std::size_t position = 0; position < text.size(); position += code_point_size(text, position)) {
    offsets.push_back(position);
  }
  offsets.push_back(text.size());
  std::string out;
  for (std::size_t i = 0; i < selection.count; ++i) {
    const auto index = static_cast<std::size_t>(selection.start + static_cast<std::int64_t>(i) * selection.step);
    out.append(text.substr(offsets[index], offsets[index + 1] - offsets[index]));
  }
  return workspace.string(std::move(out), object.is_markup());
}

Result<Value> slice_range(Workspace& workspace, const Range& range, const Selection& selection) {
  const auto at = [&range](std::int64_t index) { return range.at(0) + index * range.step(); };
  return workspace.object<Range>(at(selection.start), at(selection.stop), selection.step * range.step(),
                                 selection.count);
}

}  // namespace

Result<Value> slice(Interpreter& interpreter, const Value& object, const Value& start, const Value& stop,
                    const Value& step) {
  Workspace& workspace = interpreter.workspace();
  if (object.is(Kind::kUndefined)) return undefined_error(object);
  if (object.is(Kind::kDict)) return python_error("unhashable type: 'slice'");
  const bool is_text = object.is(Kind::kString);
  const auto* range = object.is(Kind::kObject) ? dynamic_cast<const Range*>(object.as_object()) : nullptr;
  if (!is_text && !object.is_sequence() && range == nullptr) {
    return python_error(quoted(type_name_of(object)) + " object is not subscriptable");
  }
  LINNET_TRY(const Selection selection, select(start, stop, step, *length_of(object)));
  if (is_text) return slice_string(workspace, object, selection);
  if (range != nullptr) return slice_range(workspace, *range, selection);
  LINNET_CHECK(workspace.spend(selection.count));
  std::vector<Value> items;
  items.reserve(selection.count);
  for (std::size_t i = 0; i < selection.count; ++i) {
    items.push_back(
        object.items()[static_cast<std::size_t>(selection.start + static_cast<std::int64_t>(i) * selection.step)]);
  }
  return object.is(Kind::kList) ? workspace.list(std::move(items)) : workspace.tuple(std::move(items));
}

}  // namespace linnet::templates
