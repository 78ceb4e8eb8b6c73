#include "runtime/text/template/objects.h"

#include <algorithm>

#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/repr.h"
#include "runtime/text/template/utf8.h"
#include "runtime/text/template/workspace.h"

namespace linnet::templates {

Result<Value> Object::call(Interpreter&, const Arguments&) {
  return python_error(quoted(type_name()) + " object is not callable");
}

Result<Iterator*> Object::iterate(Interpreter&) {
  return python_error(quoted(type_name()) + " object is not iterable");
}

Result<void> Object::append_repr(Workspace&, std::string&) const {
  return fail(ErrorKind::kUnsupported, std::string("a ") + type_name() + " cannot be printed");
}

Result<std::optional<Value>> Object::attribute(Interpreter&, std::string_view) { return std::nullopt; }

std::optional<Value> Object::element(std::int64_t) const { return std::nullopt; }

namespace {

std::size_t iteration_size(const Value& source) {
  switch (source.kind()) {
    case Kind::kString: return source.as_string().size();
    case Kind::kDict: return source.as_dict().size();
    case Kind::kUndefined: return 0;
    default: return source.items().size();
  }
}

}  // namespace

ValueIterator::ValueIterator(Value source, Order order)
    : source_(std::move(source)), order_(order), size_(iteration_size(source_)) {}

Result<std::optional<Value>> ValueIterator::next_character(Workspace& workspace) {
  const std::string_view text = source_.as_string();
  std::size_t begin = position_;
  std::size_t end = size_ - position_;
  if (order_ == Order::kForward) {
    end = begin + code_point_size(text, begin);
    position_ = end;
  } else {
    begin = end;
    (void)previous_code_point(text, begin);
    position_ = size_ - begin;
  }
  return workspace.string(std::string(text.substr(begin, end - begin)));
}

Result<std::optional<Value>> ValueIterator::next(Interpreter& interpreter) {
  LINNET_CHECK(interpreter.workspace().spend(1));
  if (position_ >= size_) return std::nullopt;
  if (source_.is(Kind::kString)) return next_character(interpreter.workspace());
  const std::size_t index = order_ == Order::kForward ? position_ : size_ - 1 - position_;
  ++position_;
  if (source_.is(Kind::kDict)) return source_.as_dict().entries()[index].key;
  return source_.items()[index];
}

namespace {

// Over anything whose elements are computed by index.
template <class Source>
class IndexIterator final : public Iterator {
 public:
  explicit IndexIterator(const Source& source) : source_(source) {}

  Result<std::optional<Value>> next(Interpreter& interpreter) override {
    LINNET_CHECK(interpreter.workspace().spend(1));
    if (position_ >= *source_.length()) return std::nullopt;
    return value(interpreter.workspace(), position_++);
  }

 private:
  Result<Value> value(Workspace& workspace, std::size_t index) {
    if constexpr (std::is_same_v<Source, Range>) {
      (void)workspace;
      return Value::integer(source_.at(index));
    } else {
      return source_.at(workspace, index);
    }
  }

  const Source& source_;
  std::size_t position_ = 0;
};

}  // namespace

bool Range::equals(const Object& other) const {
  const auto* range = dynamic_cast<const Range*>(&other);
  if (range == nullptr || range->count_ != count_) return false;
  return count_ == 0 || (range->start_ == start_ && (count_ == 1 || range->step_ == step_));
}

Result<Iterator*> Range::iterate(Interpreter& interpreter) {
  return interpreter.workspace().make<IndexIterator<Range>>(*this);
}

Result<void> Range::append_repr(Workspace&, std::string& text) const {
  text += "range(" + std::to_string(start_) + ", " + std::to_string(stop_);
  if (step_ != 1) text += ", " + std::to_string(step_);
  text += ")";
  return {};
}

std::optional<Value> Range::element(std::int64_t index) const {
  if (index < 0) index += static_cast<std::int64_t>(count_);
  if (index < 0 || static_cast<std::size_t>(index) >= count_) return std::nullopt;
  return Value::integer(at(static_cast<std::size_t>(index)));
}

const char* DictView::type_name() const {
  return part_ == Part::kKeys ? "dict_keys" : part_ == Part::kValues ? "dict_values" : "dict_items";
}

bool DictView::equals(const Object& other) const {
  const auto* view = dynamic_cast<const DictView*>(&other);
  if (view == nullptr || part_ == Part::kValues || view->part_ != part_) return this == &other;
  if (part_ == Part::kItems) return equal(dict_, view->dict_);
  if (dict().size() != view->dict().size()) return false;
  const auto& entries = dict().entries();
  return std::all_of(entries.begin(), entries.end(),
                     [view](const auto& entry) { return view->dict().find(entry.key) != nullptr; });
}

Result<Value> DictView::at(Workspace& workspace, std::size_t index) const {
  const auto& [key, value] = dict().entries()[index];
  if (part_ == Part::kKeys) return key;
  if (part_ == Part::kValues) return value;
  return workspace.tuple({key, value});
}

Result<Iterator*> DictView::iterate(Interpreter& interpreter) {
  return interpreter.workspace().make<IndexIterator<DictView>>(*this);
}

Result<void> DictView::append_repr(Workspace& workspace, std::string& text) const {
  std::vector<Value> items;
  for (std::size_t i = 0; i < dict().size(); ++i) {
    LINNET_TRY(Value item, at(workspace, i));
    items.push_back(std::move(item));
  }
  LINNET_TRY(const Value list, workspace.list(std::move(items)));
  text.append(type_name()).append("(");
  LINNET_CHECK(templates::append_repr(workspace, text, list));
  text += ")";
  return {};
}

Result<std::optional<Value>> Namespace::attribute(Interpreter&, std::string_view name) {
  const Value* value = attributes_.find(name);
  if (value == nullptr) return std::nullopt;
  return *value;
}

Result<void> Namespace::append_repr(Workspace& workspace, std::string& text) const {
  LINNET_TRY(const Value dict, workspace.dict(attributes_));
  text += "<Namespace ";
  LINNET_CHECK(templates::append_repr(workspace, text, dict));
  text += ">";
  return {};
}

Value Cycler::next() {
  const Value& current = items_[position_];
  position_ = (position_ + 1) % items_.size();
  return current;
}

namespace {

Result<Value> cycler_next(Interpreter&, const Value& self, const Arguments&) {
  return static_cast<Cycler*>(self.as_object())->next();
}

Result<Value> cycler_reset(Interpreter&, const Value& self, const Arguments&) {
  static_cast<Cycler*>(self.as_object())->reset();
  return Value::none();
}

}  // namespace

Result<std::optional<Value>> Cycler::attribute(Interpreter& interpreter, std::string_view name) {
  if (name == "current") return items_[position_];
  if (name == "next") return interpreter.workspace().object<Callable>(cycler_next, Workspace::object_value(this));
  if (name == "reset") return interpreter.workspace().object<Callable>(cycler_reset, Workspace::object_value(this));
  return std::nullopt;
}

Result<Value> Joiner::call(Interpreter& interpreter, const Arguments& arguments) {
  LINNET_CHECK(bind("joiner", arguments, {}));
  if (used_) return separator_;
  used_ = true;
  return interpreter.workspace().string("");
}

}  // namespace linnet::templates
