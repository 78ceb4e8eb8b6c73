#include "runtime/text/template/scope.h"

#include <map>
#include <utility>

#include "runtime/text/template/lexer.h"
#include "runtime/text/template/symbols.h"

namespace linnet::templates {

namespace {

constexpr std::size_t kMostWork = 5'000'000;  // Copies of names: a second at most; real templates need thousands.

// A function being compiled: its slots so far.
struct Compiled {
  Compiled(Function& made, Compiled* outer, int level) : function(made), parent(outer), first_level(level) {
    if (parent != nullptr) parent->function.is_captured = true;
  }

  Function& function;
  Compiled* parent;
  int first_level;  // Of the scopes that belong to this function; outer ones belong to its parents.
  std::map<Variable, std::uint32_t> slots;

  std::uint32_t slot(const Variable& variable) {
    const auto [place, added] = slots.try_emplace(variable, function.slot_count);
    if (added) ++function.slot_count;
    return place->second;
  }
};

// A scope being compiled; `late` where unknown filters fail only when reached (inside of `if`).
struct Frame {
  Symbols& symbols;
  Compiled& compiled;
  bool late = false;

  [[nodiscard]] Frame soft() const { return {symbols, compiled, true}; }
};

class Resolver {
 public:
  Result<void> resolve(ParsedTemplate& parsed) {
    Symbols symbols(nullptr);
    NameCollector(symbols, work_).visit(parsed.body);
    Compiled compiled(parsed.function, nullptr, 0);
    const Frame frame{symbols, compiled};
    parsed.scope = enter(frame);
    return visit(parsed.body, frame);
  }

 private:
  static SlotReference reference(const Variable& variable, Compiled& from) {
    std::uint32_t depth = 0;
    Compiled* owner = &from;
    for (; variable.level < owner->first_level; owner = owner->parent) ++depth;
    return {depth, owner->slot(variable)};
  }

  // Every name was collected before its scope is compiled.
  static SlotReference reference(const Value& name, const Frame& frame) {
    return reference(*frame.symbols.find(name.as_string()), frame.compiled);
  }

  static Scope enter(const Frame& frame) {
    Scope scope;
    for (const auto& [variable, load] : frame.symbols.loads()) {
      SlotLoad slot{load.from, frame.compiled.slot(variable), Value::string(variable.name), {}};
      if (load.from == SlotLoad::From::kOuter) slot.outer = reference(load.outer, frame.compiled);
      scope.push_back(std::move(slot));
    }
    return scope;
  }

  void visit(Target& target, const Frame& frame) {
    if (target.form != Target::Form::kTuple) target.slot = reference(target.name, frame);
    for (Target& item : target.items) visit(item, frame);
  }

  Result<void> visit(ExpressionPointer& expression, const Frame& frame) {
    if (!expression) return {};
    return visit(*expression, frame);
  }

  Result<void> visit(Expression& expression, const Frame& frame) {
    if (auto* name = std::get_if<Name>(&expression.node)) {
      name->slot = reference(name->name, frame);
      return {};
    }
    const auto* filter = std::get_if<FilterUse>(&expression.node);
    if (filter != nullptr && filter->filter == nullptr && !frame.late) {
      return fail_at(expression.line, ErrorKind::kMalformed, "no filter named '" + filter->name + "'");
    }
    const auto* test = std::get_if<TestUse>(&expression.node);
    if (test != nullptr && test->test == nullptr && !frame.late) {
      return fail_at(expression.line, ErrorKind::kMalformed, "no test named '" + test->name + "'");
    }
    const Frame inner = std::holds_alternative<Conditional>(expression.node) ? frame.soft() : frame;
    Result<void> result;
    for_each_child(expression, [&](Expression& child) {
      if (result) result = visit(child, inner);
    });
    return result;
  }

  Result<void> visit(Block& block, const Frame& frame) {
    if (work_ > kMostWork) return fail(ErrorKind::kUnsupported, "the template has too many names and branches");
    for (Statement& statement : block) LINNET_CHECK(visit(statement, frame));
    return {};
  }

  Result<void> visit(Statement& statement, const Frame& frame) {
    line_ = statement.line;
    return std::visit([&](auto& node) { return compile(node, frame); }, statement.node);
  }

  Result<void> compile(Output& node, const Frame& frame) {
    for (ExpressionPointer& part : node.parts) LINNET_CHECK(visit(part, frame));
    return {};
  }

  Result<void> compile(Assign& node, const Frame& frame) {
    visit(node.target, frame);
    return visit(node.value, frame);
  }

  Result<void> compile(Capture& node, const Frame& frame) {
    Symbols symbols(&frame.symbols);
    NameCollector collector(symbols, work_);
    collector.visit(node.body);
    if (node.filter) collector.visit(*node.filter);
    const Frame inner{symbols, frame.compiled};
    node.scope = enter(inner);
    if (node.target) visit(*node.target, frame);
    LINNET_CHECK(visit(node.filter, inner));
    return visit(node.body, inner);
  }

  Result<void> compile(For& node, const Frame& frame) {
    if (stores_name(node.target, "loop") || stores_name(node.body, "loop") || stores_name(node.otherwise, "loop")) {
      return fail_at(line_, ErrorKind::kMalformed, "cannot assign to 'loop' in a loop");
    }
    Symbols symbols(&frame.symbols);
    node.has_loop = node.recursive || !find_undeclared(node.body, {"loop"}).empty();
    if (node.has_loop) symbols.declare_parameter("loop");
    NameCollector collector(symbols, work_);
    collector.visit(node.target, NameCollector::Storing::kParameter);
    collector.visit(node.body);
    LINNET_CHECK(visit(node.iterable, frame));
    LINNET_CHECK(compile_test(node, symbols, frame));
    if (!node.recursive) return compile_loop(node, Frame{symbols, frame.compiled}, frame);
    Compiled function(node.function, &frame.compiled, symbols.level());
    return compile_loop(node, Frame{symbols, function}, frame);
  }

  Result<void> compile_loop(For& node, const Frame& inner, const Frame& outer) {
    node.scope = enter(inner);
    visit(node.target, inner);
    if (node.has_loop) node.loop = reference(Value::string("loop"), inner);
    LINNET_CHECK(visit(node.body, inner));
    Symbols otherwise(&outer.symbols);
    NameCollector(otherwise, work_).visit(node.otherwise);
    const Frame otherwise_frame{otherwise, inner.compiled};
    node.otherwise_scope = enter(otherwise_frame);
    return visit(node.otherwise, otherwise_frame);
  }

  // The test runs in a function of its own, which assigns its own copy of the target.
  Result<void> compile_test(For& node, Symbols& loop_symbols, const Frame& frame) {
    if (!node.test) return {};
    Symbols symbols(&frame.symbols);
    NameCollector collector(symbols, work_);
    collector.visit(node.target, NameCollector::Storing::kParameter);
    collector.visit(*node.test);
    Compiled function(node.test_function, &frame.compiled, symbols.level());
    const Frame inner{symbols, function};
    node.test_scope = enter(inner);
    node.test_target = node.target;
    visit(node.test_target, Frame{loop_symbols, function});
    return visit(node.test, inner);
  }

  Result<void> compile(If& node, const Frame& frame) {
    const Frame soft = frame.soft();
    for (If::Branch& branch : node.branches) {
      LINNET_CHECK(visit(branch.test, soft));
      LINNET_CHECK(visit(branch.body, soft));
    }
    return visit(node.otherwise, soft);
  }

  // Declares the special name `name` where the body reads it and no parameter has it.
  static std::optional<std::uint32_t> special(const char* name, const std::set<std::string>& read, MacroParts& macro,
                                              Symbols& symbols, Compiled& function) {
    if (!read.contains(name)) return std::nullopt;
    for (const MacroParts::Parameter& parameter : macro.parameters) {
      if (parameter.name.as_string() == name) return std::nullopt;
    }
    symbols.declare_parameter(name);
    return function.slot(*symbols.find(name));
  }

  Result<void> compile(MacroParts& macro, const Frame& frame) {
    Symbols symbols(&frame.symbols);
    NameCollector collector(symbols, work_);
    collector.visit(macro);
    Compiled function(macro.function, &frame.compiled, symbols.level());
    const std::set<std::string> read = find_undeclared(macro.body, {"caller", "kwargs", "varargs"});
    macro.has_explicit_caller = false;
    for (const MacroParts::Parameter& parameter : macro.parameters) {
      if (parameter.name.as_string() != "caller") continue;
      macro.has_explicit_caller = true;
      if (read.contains("caller") && !parameter.otherwise) {
        return fail_at(line_, ErrorKind::kMalformed, "the parameter 'caller' needs a default");
      }
    }
    macro.caller = special("caller", read, macro, symbols, function);
    macro.kwargs = special("kwargs", read, macro, symbols, function);
    macro.varargs = special("varargs", read, macro, symbols, function);
    collector.visit(macro);
    const Frame inner{symbols, function};
    macro.scope = enter(inner);
    for (MacroParts::Parameter& parameter : macro.parameters) {
      parameter.slot = reference(parameter.name, inner).index;
      LINNET_CHECK(visit(parameter.otherwise, inner));
    }
    return visit(macro.body, inner);
  }

  Result<void> compile(MacroDefinition& node, const Frame& frame) {
    node.slot = reference(Value::string(node.macro.name), frame);
    return compile(node.macro, frame);
  }

  Result<void> compile(CallBlock& node, const Frame& frame) {
    LINNET_CHECK(compile(node.macro, frame));
    return visit(node.call, frame);
  }

  Result<void> compile(With& node, const Frame& frame) {
    Symbols symbols(&frame.symbols);
    NameCollector collector(symbols, work_);
    for (auto& [target, value] : node.assignments) collector.visit(target, NameCollector::Storing::kParameter);
    collector.visit(node.body);
    const Frame inner{symbols, frame.compiled};
    node.scope = enter(inner);
    for (auto& [target, value] : node.assignments) {
      visit(target, inner);
      LINNET_CHECK(visit(value, frame));
    }
    return visit(node.body, inner);
  }

  Result<void> compile(Break&, const Frame&) { return {}; }
  Result<void> compile(Continue&, const Frame&) { return {}; }

  int line_ = 0;
  std::size_t work_ = 0;
};

}  // namespace

Result<void> resolve_names(ParsedTemplate& parsed) { return Resolver().resolve(parsed); }

}  // namespace linnet::templates
