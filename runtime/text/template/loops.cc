// For loops, their tests and their recursion.
#include <memory>

#include "runtime/text/template/activation_scope.h"
#include "runtime/text/template/evaluator.h"
#include "runtime/text/template/loop.h"

namespace linnet::templates {

namespace {

// The elements for which the loop's test holds: tested one at a time, between the bodies, as Jinja2's generator does.
class FilteredIterator final : public Iterator {
 public:
  FilteredIterator(Evaluator& evaluator, const For& node, Activation* activation, Iterator* source)
      : evaluator_(evaluator), node_(node), activation_(activation), source_(source) {}

  Result<std::optional<Value>> next(Interpreter& interpreter) override {
    while (true) {
      LINNET_TRY(std::optional<Value> item, source_->next(interpreter));
      if (!item) return std::nullopt;
      LINNET_TRY(std::optional<Value> passed, evaluator_.tested(node_, *activation_, *item));
      if (passed) return passed;
    }
  }

 private:
  Evaluator& evaluator_;
  const For& node_;
  Activation* activation_;
  Iterator* source_;
};

}  // namespace

// Where the elements of a running loop come from.
struct Evaluator::LoopSource {
  Iterator* iterator;
  Loop* loop;  // Null where the body does not mention it.

  Result<std::optional<Value>> next(Interpreter& interpreter) const {
    return loop != nullptr ? loop->advance(interpreter) : iterator->next(interpreter);
  }
};

Result<std::optional<Value>> Evaluator::tested(const For& node, Activation& activation, const Value& item) {
  const ActivationScope scope(*this, &activation, out_);
  LINNET_CHECK(assign(node.test_target, item));
  LINNET_TRY(const Value result, evaluate(*node.test));
  if (!truth_of(result)) return std::nullopt;
  return repacked(node.test_target);
}

Result<Value> Evaluator::repacked(const Target& target) {
  if (target.form != Target::Form::kTuple) return slot(target.slot);
  std::vector<Value> parts;
  for (const Target& item : target.items) {
    LINNET_TRY(Value part, repacked(item));
    parts.push_back(std::move(part));
  }
  return workspace().tuple(std::move(parts));
}

Result<Iterator*> Evaluator::filtered(const For& node, Iterator* source) {
  LINNET_TRY(Activation * activation, workspace().make<Activation>(activation_, node.test_function.slot_count));
  {
    const ActivationScope scope(*this, activation, out_);
    LINNET_CHECK(enter_scope(node.test_scope));
  }
  return workspace().make<FilteredIterator>(*this, node, activation, source);
}

Result<Evaluator::Flow> Evaluator::run_statement(const For& node) {
  const int line = line_;
  LINNET_TRY(const Value iterable, evaluate(*node.iterable));
  line_ = line;
  if (!node.recursive) return run_loop(node, iterable, 0);
  LINNET_TRY(const Value text, run_recursive(node, activation_, iterable, 0));
  LINNET_CHECK(write(text));
  return Flow::kNormal;
}

Result<Value> Evaluator::run_recursive(const For& node, Activation* closure, const Value& iterable, std::size_t depth) {
  LINNET_TRY(Activation * activation, workspace().make<Activation>(closure, node.function.slot_count));
  std::string text;
  {
    const ActivationScope scope(*this, activation, &text);
    LINNET_CHECK(run_loop(node, iterable, depth));
  }
  return workspace().string(std::move(text));
}

Result<Evaluator::Flow> Evaluator::run_loop(const For& node, const Value& iterable, std::size_t depth) {
  // Plain loops need no object of the workspace, whose memory comes back only at the end.
  const bool is_plain = !node.has_loop && !node.test && is_iterable(iterable) && !iterable.is(Kind::kObject);
  std::optional<ValueIterator> own;
  LoopSource source{nullptr, nullptr};
  if (is_plain) {
    source.iterator = &own.emplace(iterable);
  } else {
    LINNET_TRY(source.iterator, interpreter_.iterate(iterable));
  }
  if (node.test) {
    Activation* caller = activation_;
    if (node.recursive) activation_ = activation_->outer();  // The test belongs to the function around the loop.
    auto iterator = filtered(node, source.iterator);
    activation_ = caller;
    LINNET_TRY(source.iterator, std::move(iterator));
  }
  if (node.has_loop) {
    Loop::Recurse recurse;
    if (node.recursive) {
      recurse = [this, &node, closure = activation_->outer()](const Value& inner, std::size_t inner_depth) {
        return run_recursive(node, closure, inner, inner_depth);
      };
    }
    const Value measured = node.test ? Workspace::object_value(source.iterator) : iterable;
    LINNET_TRY(source.loop, workspace().make<Loop>(source.iterator, measured, depth, std::move(recurse)));
  }
  bool completed = false;
  LINNET_TRY(const Flow flow, run_iterations(node, source, completed));
  if (completed || node.otherwise.empty()) return flow;
  LINNET_CHECK(enter_scope(node.otherwise_scope));
  LINNET_TRY(const Flow otherwise, execute(node.otherwise));
  leave_scope(node.otherwise_scope);
  return otherwise;
}

// `completed`: some body ran to its end. Jinja2 takes the `else` otherwise, even after a body that was left early.
Result<Evaluator::Flow> Evaluator::run_iterations(const For& node, LoopSource& source, bool& completed) {
  const int line = line_;
  while (true) {
    line_ = line;
    LINNET_TRY(const std::optional<Value> item, source.next(interpreter_));
    if (!item) break;
    LINNET_CHECK(assign(node.target, *item));
    if (source.loop != nullptr) slot(node.loop) = Workspace::object_value(source.loop);
    LINNET_CHECK(enter_scope(node.scope));
    LINNET_TRY(const Flow flow, execute(node.body));
    if (flow == Flow::kBreak) break;
    if (flow == Flow::kNormal) completed = true;
  }
  leave_scope(node.scope);
  return Flow::kNormal;
}

}  // namespace linnet::templates
