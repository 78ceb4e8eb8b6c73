#include "runtime/text/template/value.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <functional>

#include "runtime/text/template/objects.h"
#include "runtime/text/template/repr.h"
#include "runtime/text/template/utf8.h"
#include "runtime/text/template/workspace.h"

namespace linnet::templates {

Charge::~Charge() {
  if (budget_ != nullptr) budget_->give_back(bytes_);
}

Value Value::string(std::string text) {
  const std::size_t code_points = count_code_points(text);
  return Value(Storage(std::make_shared<const StringData>(StringData{std::move(text), code_points, false, {}})));
}

void Shape::add(const Value& child) {
  depth = std::max(depth, child.depth());
  const std::size_t added = child.weight();
  weight = weight > SIZE_MAX - added ? SIZE_MAX : weight + added;
}

Shape shape_of(const std::vector<Value>& items) {
  Shape shape;
  for (const Value& item : items) shape.add(item);
  return shape;
}

Shape shape_of(const Dict& dict) {
  Shape shape;
  for (const auto& [key, value] : dict.entries()) {
    shape.add(key);
    shape.add(value);
  }
  return shape;
}

Value Value::list(std::vector<Value> items) {
  const Shape shape = shape_of(items);
  return Value(Storage(ListNode{std::make_shared<const SequenceData>(SequenceData{std::move(items), shape, {}})}));
}

Value Value::tuple(std::vector<Value> items) {
  const Shape shape = shape_of(items);
  return Value(Storage(TupleNode{std::make_shared<const SequenceData>(SequenceData{std::move(items), shape, {}})}));
}

Value Value::dict(Dict entries) {
  const Shape shape = shape_of(entries);
  return Value(Storage(std::make_shared<const DictData>(DictData{std::move(entries), shape, {}})));
}

Value Value::undefined(Value name, const char* owner, bool unsafe) {
  UndefinedDetail undefined;
  if (const auto* text = std::get_if<std::shared_ptr<const StringData>>(&name.storage_)) undefined.name = *text;
  undefined.text = owner;
  undefined.form = unsafe ? UndefinedDetail::Form::kUnsafe : UndefinedDetail::Form::kMissing;
  return Value(Storage(std::move(undefined)));
}

Value Value::undefined_because(const char* hint) {
  UndefinedDetail undefined;
  undefined.text = hint;
  undefined.form = UndefinedDetail::Form::kHint;
  return Value(Storage(std::move(undefined)));
}

bool Value::is_nameless() const {
  const auto& undefined = std::get<UndefinedDetail>(storage_);
  return undefined.name == nullptr && undefined.text == nullptr;
}

std::string Value::undefined_message() const {
  const auto& undefined = std::get<UndefinedDetail>(storage_);
  if (undefined.form == UndefinedDetail::Form::kHint) return undefined.text;
  const std::string name = undefined.name ? quoted(undefined.name->text) : std::string("a value");
  if (undefined.form == UndefinedDetail::Form::kUnsafe) {
    return "access to attribute " + name + " of '" + undefined.text + "' object is unsafe.";
  }
  if (undefined.text == nullptr) return name + " is undefined";
  return "'" + std::string(undefined.text) + " object' has no attribute " + name;
}

const std::string& Value::as_string() const { return std::get<std::shared_ptr<const StringData>>(storage_)->text; }

const SequenceData& Value::sequence() const {
  if (const auto* list = std::get_if<ListNode>(&storage_)) return *list->data;
  return *std::get<TupleNode>(storage_).data;
}

const std::vector<Value>& Value::items() const { return sequence().items; }

const Dict& Value::as_dict() const { return std::get<std::shared_ptr<const DictData>>(storage_)->dict; }

std::size_t Value::code_points() const { return std::get<std::shared_ptr<const StringData>>(storage_)->code_points; }

bool Value::is_markup() const {
  const auto* text = std::get_if<std::shared_ptr<const StringData>>(&storage_);
  return text != nullptr && (*text)->markup;
}

std::size_t Value::depth() const {
  switch (kind()) {
    case Kind::kList:
    case Kind::kTuple: return sequence().shape.depth + 1;
    case Kind::kDict: return std::get<std::shared_ptr<const DictData>>(storage_)->shape.depth + 1;
    default: return 0;
  }
}

std::size_t Value::weight() const {
  const auto and_itself = [](std::size_t children) { return children == SIZE_MAX ? SIZE_MAX : children + 1; };
  switch (kind()) {
    case Kind::kString: return 1 + as_string().size() / 64;
    case Kind::kList:
    case Kind::kTuple: return and_itself(sequence().shape.weight);
    case Kind::kDict: return and_itself(std::get<std::shared_ptr<const DictData>>(storage_)->shape.weight);
    default: return 1;
  }
}

bool Value::is_same(const Value& other) const {
  if (kind() != other.kind()) return false;
  switch (kind()) {
    case Kind::kUndefined:
    case Kind::kNone: return true;
    case Kind::kBoolean: return as_boolean() == other.as_boolean();
    case Kind::kInteger: return as_integer() == other.as_integer();
    case Kind::kFloat: return as_float() == other.as_float();
    case Kind::kString: return &as_string() == &other.as_string();
    case Kind::kList:
    case Kind::kTuple: return &sequence() == &other.sequence();
    case Kind::kDict: return &as_dict() == &other.as_dict();
    case Kind::kObject: return as_object() == other.as_object();
  }
  return false;
}

bool is_hashable(const Value& value) {
  if (value.is(Kind::kTuple)) return std::all_of(value.items().begin(), value.items().end(), is_hashable);
  if (value.is(Kind::kObject)) return value.as_object()->hashable();
  return !value.is(Kind::kList) && !value.is(Kind::kDict);
}

namespace {

double number_of(const Value& value) {
  if (value.is(Kind::kBoolean)) return value.as_boolean() ? 1 : 0;
  return value.is(Kind::kInteger) ? static_cast<double>(value.as_integer()) : value.as_float();
}

bool equal_numbers(const Value& a, const Value& b) {
  const auto integer = [](const Value& value) {
    return value.is(Kind::kBoolean) ? std::int64_t{value.as_boolean()} : value.as_integer();
  };
  if (!a.is(Kind::kFloat) && !b.is(Kind::kFloat)) return integer(a) == integer(b);
  if (a.is(Kind::kFloat) && b.is(Kind::kFloat)) return a.as_float() == b.as_float();
  const double real = a.is(Kind::kFloat) ? a.as_float() : b.as_float();
  const std::int64_t whole = integer(a.is(Kind::kFloat) ? b : a);
  // Exact: only a float in the range of int64 that is whole can equal an integer.
  return real >= -0x1p63 && real < 0x1p63 && std::trunc(real) == real && static_cast<std::int64_t>(real) == whole;
}

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.size() != b.size()) return false;
  return std::all_of(a.entries().begin(), a.entries().end(), [&b](const Dict::Entry& entry) {
    const Value* other = b.find(entry.key);
    return other != nullptr && equal(entry.value, *other);
  });
}

std::size_t hash_of(std::string_view text) { return std::hash<std::string_view>{}(text); }

std::size_t hash_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined: return 1;
    case Kind::kNone: return 2;
    case Kind::kBoolean:
    case Kind::kInteger:
    case Kind::kFloat: return std::hash<double>{}(number_of(value));
    case Kind::kString: return hash_of(std::string_view(value.as_string()));
    case Kind::kObject: return std::hash<const void*>{}(value.as_object());
    default: break;
  }
  std::size_t hash = 3;
  for (const Value& item : value.items()) hash = hash * 31 + hash_of(item);
  return hash;
}

}  // namespace

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone: return true;
    case Kind::kString: return a.as_string() == b.as_string();
    case Kind::kList:
    case Kind::kTuple: return std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(), equal);
    case Kind::kDict: return equal_dicts(a.as_dict(), b.as_dict());
    case Kind::kObject: return a.as_object()->equals(*b.as_object());
    default: return false;
  }
}

template <class Matches>
std::size_t Dict::position(std::size_t hash, Matches matches) const {
  if (index_.empty()) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), matches);
    return static_cast<std::size_t>(found - entries_.begin());
  }
  const auto [begin, end] = index_.equal_range(hash);
  for (auto candidate = begin; candidate != end; ++candidate) {
    if (matches(entries_[candidate->second])) return candidate->second;
  }
  return entries_.size();
}

void Dict::build_index() {
  for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(hash_of(entries_[i].key), i);
}

void Dict::set(Value key, Value value) {
  assert(is_hashable(key));
  const std::size_t hash = index_.empty() ? 0 : hash_of(key);
  const std::size_t place = position(hash, [&key](const Entry& entry) { return equal(entry.key, key); });
  if (place < entries_.size()) {
    entries_[place].value = std::move(value);
    return;
  }
  if (!index_.empty()) index_.emplace(hash, entries_.size());
  entries_.push_back({std::move(key), std::move(value)});
  if (index_.empty() && entries_.size() > kIndexed) build_index();
}

const Value* Dict::find(const Value& key) const {
  const std::size_t hash = index_.empty() ? 0 : hash_of(key);
  const std::size_t place = position(hash, [&key](const Entry& entry) { return equal(entry.key, key); });
  return place < entries_.size() ? &entries_[place].value : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  const std::size_t hash = index_.empty() ? 0 : hash_of(key);
  const std::size_t place =
      position(hash, [key](const Entry& entry) { return entry.key.is(Kind::kString) && entry.key.as_string() == key; });
  return place < entries_.size() ? &entries_[place].value : nullptr;
}

}  // namespace linnet::templates
