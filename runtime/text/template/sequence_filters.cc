// Filters on lists and dictionaries.
#include <algorithm>
#include <optional>
#include <string>

#include "runtime/text/template/attribute_path.h"
#include "runtime/text/template/filter_functions.h"
#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/repr.h"
#include "runtime/text/template/sort.h"
#include "runtime/text/template/text_search.h"
#include "runtime/text/template/utf8.h"

namespace linnet::templates::filters {

namespace {

std::optional<Value> argument(const Bound& bound, std::size_t index) {
  return bound.has(index) ? std::optional<Value>(bound[index]) : std::nullopt;
}

Case case_mode(const Bound& bound, std::size_t index) { return bound.flag(index) ? Case::kSensitive : Case::kIgnore; }

// What Python gives as a generator: these elements, once.
Result<Value> generator(Interpreter& interpreter, std::vector<Value> items) {
  LINNET_TRY(const Value list, interpreter.workspace().list(std::move(items)));
  return interpreter.workspace().object<ValueIterator>(list);
}

}  // namespace

Result<Value> length(Interpreter&, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("length", arguments, {}));
  const auto length = length_of(subject);
  if (!length) return python_error("object of type " + quoted(type_name_of(subject)) + " has no len()");
  return Value::integer(static_cast<std::int64_t>(*length));
}

Result<Value> default_value(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("default", arguments, {"default_value", "boolean"}));
  if (!subject.is(Kind::kUndefined) && (!bound.flag(1) || truth_of(subject))) return subject;
  return bound.has(0) ? Result<Value>(bound[0]) : interpreter.workspace().string("");
}

Result<Value> first(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("first", arguments, {}));
  LINNET_TRY(Iterator * iterator, interpreter.iterate(subject));
  LINNET_TRY(std::optional<Value> item, iterator->next(interpreter));
  return item ? *std::move(item) : Value::undefined_because("No first item, sequence was empty.");
}

namespace {

// reversed(value), or nothing where Python has none.
Result<Iterator*> reversed(Interpreter& interpreter, const Value& value) {
  Workspace& workspace = interpreter.workspace();
  if (!value.is(Kind::kObject)) {
    if (!is_iterable(value)) return nullptr;
    return workspace.make<ValueIterator>(value, ValueIterator::Order::kBackward);
  }
  if (!value.as_object()->length() || !value.as_object()->iterable()) return nullptr;
  LINNET_TRY(std::vector<Value> items, interpreter.elements(value));
  LINNET_TRY(const Value list, workspace.list(std::move(items)));
  return workspace.make<ValueIterator>(list, ValueIterator::Order::kBackward);
}

}  // namespace

Result<Value> last(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("last", arguments, {}));
  LINNET_TRY(Iterator * iterator, reversed(interpreter, subject));
  if (iterator == nullptr) return python_error(quoted(type_name_of(subject)) + " object is not reversible");
  LINNET_TRY(std::optional<Value> item, iterator->next(interpreter));
  return item ? *std::move(item) : Value::undefined_because("No last item, sequence was empty.");
}

Result<Value> reverse(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("reverse", arguments, {}));
  if (subject.is(Kind::kString)) {
    return templates::slice(interpreter, subject, Value::none(), Value::none(), Value::integer(-1));
  }
  LINNET_TRY(Iterator * iterator, reversed(interpreter, subject));
  if (iterator != nullptr) return Workspace::object_value(iterator);
  LINNET_TRY(std::vector<Value> items, interpreter.elements(subject));
  std::reverse(items.begin(), items.end());
  return interpreter.workspace().list(std::move(items));
}

Result<Value> list(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("list", arguments, {}));
  LINNET_TRY(std::vector<Value> items, interpreter.elements(subject));
  return interpreter.workspace().list(std::move(items));
}

Result<Value> items(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("items", arguments, {}));
  if (subject.is(Kind::kUndefined)) return generator(interpreter, {});
  if (!subject.is(Kind::kDict)) return python_error("can only get item pairs from a mapping");
  LINNET_TRY(DictView * view, interpreter.workspace().make<DictView>(subject, DictView::Part::kItems));
  LINNET_TRY(Iterator * iterator, view->iterate(interpreter));
  return Workspace::object_value(iterator);
}

Result<Value> join(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("join", arguments, {"d", "attribute"}));
  Workspace& workspace = interpreter.workspace();
  std::string separator;
  if (bound.has(0)) {
    LINNET_TRY(separator, to_str(workspace, bound[0]));
  }
  LINNET_TRY(const AttributePath path, AttributePath::parse(interpreter, argument(bound, 1)));
  LINNET_TRY(Iterator * iterator, interpreter.iterate(subject));
  std::string out;
  for (bool is_first = true;; is_first = false) {
    LINNET_TRY(std::optional<Value> item, iterator->next(interpreter));
    if (!item) return workspace.string(std::move(out));
    LINNET_TRY(const Value part, path.follow(interpreter, *std::move(item)));
    if (!is_first) out += separator;
    LINNET_CHECK(append_str(workspace, out, part));
    LINNET_CHECK(workspace.room_for_string(out.size()));
  }
}

namespace {

// The elements in the order of their keys.
Result<Value> in_order(Interpreter& interpreter, const std::vector<Value>& elements, const std::vector<Value>& keys,
                       bool descending) {
  Workspace& workspace = interpreter.workspace();
  LINNET_TRY(const std::vector<std::size_t> order,
             descending ? sorted_order_reversed(workspace, keys) : sorted_order(workspace, keys));
  std::vector<Value> sorted;
  sorted.reserve(order.size());
  for (const std::size_t index : order) sorted.push_back(elements[index]);
  return workspace.list(std::move(sorted));
}

// `attribute="a,b.c"` sorts by several keys.
Result<std::vector<AttributePath>> parse_paths(Interpreter& interpreter, const std::optional<Value>& attribute) {
  std::vector<AttributePath> paths;
  if (!attribute || !attribute->is(Kind::kString)) {
    LINNET_TRY(AttributePath path, AttributePath::parse(interpreter, attribute));
    paths.push_back(std::move(path));
    return paths;
  }
  for (const std::string_view part : split(attribute->as_string(), ",", kNoLimit)) {
    LINNET_TRY(const Value name, interpreter.workspace().string(std::string(part)));
    LINNET_TRY(AttributePath path, AttributePath::parse(interpreter, name));
    paths.push_back(std::move(path));
  }
  return paths;
}

}  // namespace

Result<Value> sort(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("sort", arguments, {"reverse", "case_sensitive", "attribute"}));
  LINNET_TRY(const std::vector<Value> elements, interpreter.elements(subject));
  LINNET_TRY(const std::vector<AttributePath> paths, parse_paths(interpreter, argument(bound, 2)));
  std::vector<Value> keys;
  keys.reserve(elements.size());
  for (const Value& element : elements) {
    std::vector<Value> key;
    for (const AttributePath& path : paths) {
      LINNET_TRY(const Value part, path.follow(interpreter, element));
      LINNET_TRY(Value folded, fold(interpreter, part, case_mode(bound, 1)));
      key.push_back(std::move(folded));
    }
    LINNET_TRY(Value whole, interpreter.workspace().list(std::move(key)));
    keys.push_back(std::move(whole));
  }
  return in_order(interpreter, elements, keys, bound.flag(0));
}

Result<Value> dictsort(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("dictsort", arguments, {"case_sensitive", "by", "reverse"}));
  LINNET_TRY(const std::string_view by, bound.text(1, "key"));
  if (by != "key" && by != "value") return python_error(R"(dictsort: 'by' must be "key" or "value")");
  if (subject.is(Kind::kUndefined)) return undefined_error(subject);
  if (!subject.is(Kind::kDict)) return python_error(std::string("dictsort needs a dict, not ") + type_name_of(subject));
  std::vector<Value> elements;
  std::vector<Value> keys;
  for (const auto& [key, value] : subject.as_dict().entries()) {
    LINNET_TRY(Value pair, interpreter.workspace().tuple({key, value}));
    LINNET_TRY(Value folded, fold(interpreter, by == "key" ? key : value, case_mode(bound, 0)));
    elements.push_back(std::move(pair));
    keys.push_back(std::move(folded));
  }
  return in_order(interpreter, elements, keys, bound.flag(2));
}

namespace {

Result<Value> extreme(Interpreter& interpreter, const Value& subject, const Arguments& arguments, bool greatest) {
  LINNET_TRY(const Bound bound, bind(greatest ? "max" : "min", arguments, {"case_sensitive", "attribute"}));
  LINNET_TRY(const std::vector<Value> elements, interpreter.elements(subject));
  if (elements.empty()) return Value::undefined_because("No aggregated item, sequence was empty.");
  LINNET_TRY(const AttributePath path, AttributePath::parse(interpreter, argument(bound, 1)));
  std::size_t best = 0;
  Value best_key;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    LINNET_TRY(const Value part, path.follow(interpreter, elements[i]));
    LINNET_TRY(Value key, fold(interpreter, part, case_mode(bound, 0)));
    bool better = i == 0;
    if (!better) {
      LINNET_CHECK(interpreter.workspace().spend(key.weight()));
      LINNET_TRY(better, greatest ? less(interpreter.workspace(), best_key, key)
                                  : less(interpreter.workspace(), key, best_key));
    }
    if (!better) continue;
    best = i;
    best_key = std::move(key);
  }
  return elements[best];
}

}  // namespace

Result<Value> maximum(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return extreme(interpreter, subject, arguments, true);
}

Result<Value> minimum(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return extreme(interpreter, subject, arguments, false);
}

Result<Value> sum(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("sum", arguments, {"attribute", "start"}));
  LINNET_TRY(const AttributePath path, AttributePath::parse(interpreter, argument(bound, 0)));
  LINNET_TRY(const std::vector<Value> elements, interpreter.elements(subject));
  Value total = bound.has(1) ? bound[1] : Value::integer(0);
  if (total.is(Kind::kString)) return python_error("sum() can't sum strings");
  for (const Value& element : elements) {
    LINNET_TRY(const Value part, path.follow(interpreter, element));
    LINNET_TRY(total, binary(interpreter, BinaryOperator::kAdd, total, part));
  }
  return total;
}

Result<Value> batch(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("batch", arguments, {"linecount", "fill_with"}, 1));
  LINNET_TRY(const std::int64_t size, bound.integer(0, 0));
  LINNET_TRY(const std::vector<Value> elements, interpreter.elements(subject));
  Workspace& workspace = interpreter.workspace();
  std::vector<Value> rows;
  std::vector<Value> row;
  for (const Value& element : elements) {
    if (static_cast<std::int64_t>(row.size()) == size) {
      LINNET_TRY(Value full, workspace.list(std::exchange(row, {})));
      rows.push_back(std::move(full));
    }
    row.push_back(element);
  }
  if (!row.empty()) {
    if (bound.has_value(1) && size > static_cast<std::int64_t>(row.size())) {
      LINNET_CHECK(workspace.room_for_elements(as_size(size)));
      row.resize(as_size(size), bound[1]);
    }
    LINNET_TRY(Value rest, workspace.list(std::move(row)));
    rows.push_back(std::move(rest));
  }
  return generator(interpreter, std::move(rows));
}

Result<Value> slice(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("slice", arguments, {"slices", "fill_with"}, 1));
  LINNET_TRY(const std::int64_t wanted, bound.integer(0, 0));
  LINNET_TRY(const std::vector<Value> elements, interpreter.elements(subject));
  if (wanted == 0) return python_error("integer division or modulo by zero");
  Workspace& workspace = interpreter.workspace();
  const std::size_t slices = as_size(wanted);
  LINNET_CHECK(workspace.room_for_elements(slices));
  std::vector<Value> columns;
  auto next = elements.begin();
  for (std::size_t i = 0; i < slices; ++i) {
    const bool is_longer = i < elements.size() % slices;
    const auto end = next + static_cast<std::ptrdiff_t>(elements.size() / slices + (is_longer ? 1 : 0));
    std::vector<Value> column(next, end);
    if (bound.has_value(1) && !is_longer) column.push_back(bound[1]);
    LINNET_TRY(Value made, workspace.list(std::move(column)));
    columns.push_back(std::move(made));
    next = end;
  }
  return generator(interpreter, std::move(columns));
}

}  // namespace linnet::templates::filters
