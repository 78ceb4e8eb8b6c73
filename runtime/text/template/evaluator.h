// Walks a parsed template and writes its text: one object a render.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/template/ast.h"
#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/objects.h"

namespace linnet::templates {

// The slots of one call of a Function. An object of the workspace where closures may keep it.
class Activation final : public Object {
 public:
  Activation(Activation* outer, std::size_t slots) : outer_(outer), slots_(slots) {}

  [[nodiscard]] const char* type_name() const override { return "cell"; }
  [[nodiscard]] Activation* outer() const { return outer_; }
  [[nodiscard]] Value& slot(std::size_t index) { return slots_[index]; }

 private:
  Activation* outer_;
  std::vector<Value> slots_;
};

class Evaluator {
 public:
  // Borrows all but `now`.
  Evaluator(const ParsedTemplate& parsed, const Dict& context, const Limits& limits, std::optional<CivilTime> now)
      : interpreter_(limits, now), parsed_(parsed), context_(context) {}

  // The rendered text. Errors have the line.
  [[nodiscard]] Result<std::string> run();

  // Calls a macro whose definition ran in `closure`.
  [[nodiscard]] Result<Value> call_macro(const MacroParts& macro, Activation* closure, const Arguments& arguments);

  // For the test of `{% for x in y if test %}`: stores `item` in the test's own slots and evaluates it there. What the
  // loop gets, or nothing if the test fails: the item, or for a target `a, b` a new tuple, as Jinja2's generator gives.
  [[nodiscard]] Result<std::optional<Value>> tested(const For& node, Activation& activation, const Value& item);

 private:
  enum class Flow : std::uint8_t { kNormal, kBreak, kContinue };
  class ActivationScope;

  // evaluator.cc: statements.
  [[nodiscard]] Result<Flow> execute(const Block& block);
  [[nodiscard]] Result<Flow> execute(const Statement& statement);
  [[nodiscard]] Result<Flow> run_statement(const Output& node);
  [[nodiscard]] Result<Flow> run_statement(const Assign& node);
  [[nodiscard]] Result<Flow> run_statement(const Capture& node);
  [[nodiscard]] Result<Flow> run_statement(const For& node);
  [[nodiscard]] Result<Flow> run_statement(const If& node);
  [[nodiscard]] Result<Flow> run_statement(const MacroDefinition& node);
  [[nodiscard]] Result<Flow> run_statement(const CallBlock& node);
  [[nodiscard]] Result<Flow> run_statement(const With& node);
  [[nodiscard]] Result<Flow> run_statement(const Break&) { return Flow::kBreak; }
  [[nodiscard]] Result<Flow> run_statement(const Continue&) { return Flow::kContinue; }

  [[nodiscard]] Result<void> write(const Value& value);
  [[nodiscard]] Result<void> assign(const Target& target, const Value& value);
  [[nodiscard]] Result<void> check_namespaces(const Target& target);
  [[nodiscard]] Result<void> enter_scope(const Scope& scope);
  void leave_scope(const Scope& scope);
  [[nodiscard]] Result<Value> lookup(const Value& name);
  [[nodiscard]] Value& slot(SlotReference reference);

  // loops.cc
  struct LoopSource;
  [[nodiscard]] Result<Flow> run_loop(const For& node, const Value& iterable, std::size_t depth);
  [[nodiscard]] Result<Flow> run_iterations(const For& node, LoopSource& source, bool& completed);
  [[nodiscard]] Result<Value> repacked(const Target& target);
  [[nodiscard]] Result<Iterator*> filtered(const For& node, Iterator* source);
  [[nodiscard]] Result<Value> run_recursive(const For& node, Activation* closure, const Value& iterable,
                                            std::size_t depth);

  // macros.cc
  [[nodiscard]] Result<void> bind_macro(const MacroParts& macro, const Arguments& arguments, Activation& activation,
                                        std::vector<bool>& given);
  [[nodiscard]] Result<void> bind_special(const MacroParts& macro, const Arguments& arguments,
                                          std::vector<std::pair<std::string, Value>> named, Activation& activation);
  [[nodiscard]] Result<void> run_macro_body(const MacroParts& macro, const std::vector<bool>& given);

  // evaluate.cc: expressions.
  [[nodiscard]] Result<Value> evaluate(const Expression& expression);
  [[nodiscard]] Result<Value> value_of(const Constant& node, int line);
  [[nodiscard]] Result<Value> value_of(const Name& node, int line);
  [[nodiscard]] Result<Value> value_of(const AttributeOf& node, int line);
  [[nodiscard]] Result<Value> value_of(const ItemOf& node, int line);
  [[nodiscard]] Result<Value> value_of(const SliceOf& node, int line);
  [[nodiscard]] Result<Value> value_of(const Call& node, int line);
  [[nodiscard]] Result<Value> value_of(const FilterUse& node, int line);
  [[nodiscard]] Result<Value> value_of(const TestUse& node, int line);
  [[nodiscard]] Result<Value> value_of(const Unary& node, int line);
  [[nodiscard]] Result<Value> value_of(const Binary& node, int line);
  [[nodiscard]] Result<Value> value_of(const Logical& node, int line);
  [[nodiscard]] Result<Value> value_of(const Compare& node, int line);
  [[nodiscard]] Result<Value> value_of(const Concatenation& node, int line);
  [[nodiscard]] Result<Value> value_of(const Conditional& node, int line);
  [[nodiscard]] Result<Value> value_of(const ListLiteral& node, int line);
  [[nodiscard]] Result<Value> value_of(const TupleLiteral& node, int line);
  [[nodiscard]] Result<Value> value_of(const DictLiteral& node, int line);
  [[nodiscard]] Result<Value> call(const Call& node, int line, const std::optional<Value>& caller);
  [[nodiscard]] Result<Arguments> arguments_of(const CallArguments& arguments);
  [[nodiscard]] Result<std::vector<Value>> values_of(const std::vector<ExpressionPointer>& expressions);

  [[nodiscard]] Workspace& workspace() { return interpreter_.workspace(); }

  Interpreter interpreter_;  // First: its workspace outlives every value below.
  const ParsedTemplate& parsed_;
  const Dict& context_;
  Activation* activation_ = nullptr;
  std::string* out_ = nullptr;
  Value captured_;  // What a filter without a subject filters.
  int line_ = 1;    // Of what is being evaluated, for errors.
};

}  // namespace linnet::templates
