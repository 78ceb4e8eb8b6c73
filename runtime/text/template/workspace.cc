#include "runtime/text/template/workspace.h"

#include "runtime/text/template/utf8.h"

namespace linnet::templates {

namespace {

std::string beyond(std::string_view what, std::uint64_t limit) {
  return std::string(what) + " is beyond the limit of " + std::to_string(limit);
}

}  // namespace

Result<void> Workspace::spend(std::uint64_t steps) {
  if (steps > limits_.steps - steps_)
    return fail(ErrorKind::kUnsupported, beyond("the work", limits_.steps) + " steps");
  steps_ += steps;
  return {};
}

Result<void> Workspace::enter() {
  if (depth_ >= limits_.evaluation_depth) {
    return fail(ErrorKind::kUnsupported, beyond("the nesting of calls", limits_.evaluation_depth));
  }
  ++depth_;
  return {};
}

Result<void> Workspace::room_for_string(std::size_t bytes) const {
  if (bytes <= limits_.string_bytes) return {};
  return fail(ErrorKind::kUnsupported, beyond("a string", limits_.string_bytes) + " bytes");
}

Result<void> Workspace::room_for_elements(std::size_t count) const {
  if (count <= limits_.elements) return {};
  return fail(ErrorKind::kUnsupported, beyond("a list", limits_.elements) + " elements");
}

tl::unexpected<Error> Workspace::memory_exhausted() const {
  return fail(ErrorKind::kUnsupported, beyond("the memory of the template's values", limits_.memory_bytes) + " bytes");
}

Result<Charge> Workspace::charge(std::size_t bytes) {
  LINNET_CHECK(spend_bytes(bytes));
  if (!budget_.take(bytes + kObjectOverhead)) return memory_exhausted();
  return Charge(&budget_, bytes + kObjectOverhead);
}

Result<Value> Workspace::string(std::string text, bool markup) {
  LINNET_CHECK(room_for_string(text.size()));
  LINNET_TRY(Charge charged, charge(text.size()));
  const std::size_t code_points = count_code_points(text);
  return Value(Value::Storage(
      std::make_shared<const StringData>(StringData{std::move(text), code_points, markup, std::move(charged)})));
}

Result<void> Workspace::room_for_shape(const Shape& shape) const {
  if (shape.depth >= limits_.value_depth) {
    return fail(ErrorKind::kUnsupported, beyond("the nesting of a list", limits_.value_depth));
  }
  if (shape.weight > limits_.elements) {
    return fail(ErrorKind::kUnsupported, beyond("a list with all that it holds", limits_.elements) + " elements");
  }
  return {};
}

Result<std::shared_ptr<const SequenceData>> Workspace::sequence(std::vector<Value> items) {
  LINNET_CHECK(room_for_elements(items.size()));
  const Shape shape = shape_of(items);
  LINNET_CHECK(room_for_shape(shape));
  LINNET_TRY(Charge charged, charge(items.size() * sizeof(Value)));
  return std::make_shared<const SequenceData>(SequenceData{std::move(items), shape, std::move(charged)});
}

Result<Value> Workspace::list(std::vector<Value> items) {
  LINNET_TRY(auto data, sequence(std::move(items)));
  return Value(Value::Storage(Value::ListNode{std::move(data)}));
}

Result<Value> Workspace::tuple(std::vector<Value> items) {
  LINNET_TRY(auto data, sequence(std::move(items)));
  return Value(Value::Storage(Value::TupleNode{std::move(data)}));
}

Result<Value> Workspace::dict(Dict dict) {
  LINNET_CHECK(room_for_elements(dict.size()));
  const Shape shape = shape_of(dict);
  LINNET_CHECK(room_for_shape(shape));
  LINNET_TRY(Charge charged, charge(dict.size() * 2 * sizeof(Dict::Entry)));
  return Value(Value::Storage(std::make_shared<const DictData>(DictData{std::move(dict), shape, std::move(charged)})));
}

}  // namespace linnet::templates
