// A parsed template: statements, expressions, and where each name lives.
//
// Names are resolved before rendering. As in Jinja2, which compiles a template to nested Python functions, each
// function (the template itself, a macro, a call block) has slots for the names of all its scopes; a scope says what to
// load into its slots when it is entered. `scope.h` fills in the parts marked so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/text/template/filters.h"
#include "runtime/text/template/tests.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

// A slot of the running function (`depth` 0) or of one that encloses it.
struct SlotReference {
  std::uint32_t depth = 0;
  std::uint32_t index = 0;
};

// What entering a scope does to one of its slots; leaving the scope empties all of them.
struct SlotLoad {
  enum class From : std::uint8_t {
    kNothing,  // Empty until something is stored.
    kContext,  // The render's variable or global `name`.
    kOuter,    // A copy of `outer`.
    kGiven,    // Stored by whoever enters: a parameter, a loop's target.
  };
  From from;
  std::uint32_t index;
  Value name;           // A string, for kContext.
  SlotReference outer;  // For kOuter.
};

using Scope = std::vector<SlotLoad>;

struct Function {
  std::uint32_t slot_count = 0;
  bool is_captured = false;  // Another function inside it may outlive a call.
};

struct Expression;
using ExpressionPointer = std::unique_ptr<Expression>;

struct CallArguments {
  std::vector<ExpressionPointer> positional;
  std::vector<std::pair<std::string, ExpressionPointer>> named;
  ExpressionPointer star;         // f(*star), or null.
  ExpressionPointer double_star;  // f(**double_star), or null.
};

struct Constant {
  Value value;
};
struct Name {
  Value name;          // A string.
  SlotReference slot;  // From scope.h.
};
struct AttributeOf {
  ExpressionPointer object;
  Value name;  // A string.
};
struct ItemOf {
  ExpressionPointer object;
  ExpressionPointer key;
};
struct SliceOf {
  ExpressionPointer object;
  ExpressionPointer bounds[3];  // start, stop, step; each may be null.
};
struct Call {
  ExpressionPointer callee;
  CallArguments arguments;
};
struct FilterUse {
  ExpressionPointer subject;  // Null in `{% filter %}` and `{% set x | f %}`: the block's text.
  std::string name;
  const Filter* filter;  // Null if there is none of that name: an error only if it is reached.
  CallArguments arguments;
};
struct TestUse {
  ExpressionPointer subject;
  std::string name;
  const Test* test;  // Null as above.
  CallArguments arguments;
};
enum class UnaryOperator : std::uint8_t { kNot, kNegate, kPlus };
struct Unary {
  UnaryOperator symbol;
  ExpressionPointer operand;
};
enum class BinaryOperator : std::uint8_t { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kRemainder, kPower };
struct Binary {
  BinaryOperator symbol;
  ExpressionPointer left;
  ExpressionPointer right;
};
struct Logical {
  bool is_and;
  ExpressionPointer left;
  ExpressionPointer right;
};
enum class Comparison : std::uint8_t { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kIn, kNotIn };
struct Compare {
  ExpressionPointer first;
  std::vector<std::pair<Comparison, ExpressionPointer>> rest;
};
struct Concatenation {
  std::vector<ExpressionPointer> parts;
};
struct Conditional {
  ExpressionPointer test;
  ExpressionPointer then;
  ExpressionPointer otherwise;  // May be null: undefined then.
};
struct ListLiteral {
  std::vector<ExpressionPointer> items;
};
struct TupleLiteral {
  std::vector<ExpressionPointer> items;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPointer, ExpressionPointer>> items;
};

struct Expression {
  using Node = std::variant<Constant, Name, AttributeOf, ItemOf, SliceOf, Call, FilterUse, TestUse, Unary, Binary,
                            Logical, Compare, Concatenation, Conditional, ListLiteral, TupleLiteral, DictLiteral>;
  int line;
  std::size_t height;  // Of the tree: 1 for a leaf.
  Node node;
};

// What is assigned to.
struct Target {
  enum class Form : std::uint8_t { kName, kNamespaceAttribute, kTuple };
  Form form;
  Value name;                 // A string: the name, or the namespace's.
  Value attribute;            // A string, for kNamespaceAttribute.
  SlotReference slot;         // Of the name. From scope.h.
  std::vector<Target> items;  // For kTuple.
};

struct Statement;
using Block = std::vector<Statement>;

struct Output {
  std::vector<ExpressionPointer> parts;  // Text between tags is a Constant.
};
struct Assign {
  Target target;
  ExpressionPointer value;
};
// `{% set x %}…{% endset %}`, `{% filter f %}…{% endfilter %}` (which has no target).
struct Capture {
  std::optional<Target> target;
  ExpressionPointer filter;  // A chain of FilterUse, or null.
  Block body;
  Scope scope;  // From scope.h.
};
struct For {
  Target target;
  ExpressionPointer iterable;
  ExpressionPointer test;  // May be null.
  Block body;
  Block otherwise;
  bool recursive;
  // From scope.h:
  bool has_loop;  // The body mentions `loop`.
  SlotReference loop;
  Scope scope;
  Scope otherwise_scope;
  Function test_function;  // A function of its own, as in Jinja2: it reads its slots while the loop runs.
  Target test_target;
  Scope test_scope;
  Function function;  // For recursive loops.
};
struct If {
  struct Branch {
    ExpressionPointer test;
    Block body;
  };
  std::vector<Branch> branches;
  Block otherwise;
};
struct MacroParts {
  struct Parameter {
    Value name;                   // A string.
    ExpressionPointer otherwise;  // May be null: undefined then.
    std::uint32_t slot;           // From scope.h.
  };
  std::string name;  // Empty for the body of a call block.
  std::vector<Parameter> parameters;
  Block body;
  // From scope.h:
  Function function;
  Scope scope;
  std::optional<std::uint32_t> caller, kwargs, varargs;  // Slots of the special names that the body reads.
  bool has_explicit_caller;
};
struct MacroDefinition {
  MacroParts macro;
  SlotReference slot;  // From scope.h.
};
struct CallBlock {
  ExpressionPointer call;  // A Call; null for `{% generation %}`, which only renders its body.
  MacroParts macro;
};
struct With {
  std::vector<std::pair<Target, ExpressionPointer>> assignments;
  Block body;
  Scope scope;  // From scope.h.
};
struct Break {};
struct Continue {};

struct Statement {
  using Node = std::variant<Output, Assign, Capture, For, If, MacroDefinition, CallBlock, With, Break, Continue>;
  int line;
  Node node;
};

struct ParsedTemplate {
  Block body;
  // From scope.h:
  Function function;
  Scope scope;
};

// Calls visit(Expression&) for each direct child, in the order in which Jinja2 lists them.
template <class Visit>
void for_each_child(Expression& expression, Visit visit);
template <class Visit>
void for_each_argument(CallArguments& arguments, Visit visit);

namespace detail {

template <class Visit>
struct ChildVisitor {
  Visit& visit;

  void operator()(ExpressionPointer& child) const {
    if (child) visit(*child);
  }
  void operator()(Constant&) const {}
  void operator()(Name&) const {}
  void operator()(AttributeOf& node) const { (*this)(node.object); }
  void operator()(ItemOf& node) const {
    (*this)(node.object);
    (*this)(node.key);
  }
  void operator()(SliceOf& node) const {
    (*this)(node.object);
    for (ExpressionPointer& bound : node.bounds) (*this)(bound);
  }
  void operator()(Call& node) const {
    (*this)(node.callee);
    for_each_argument(node.arguments, visit);
  }
  void operator()(FilterUse& node) const {
    (*this)(node.subject);
    for_each_argument(node.arguments, visit);
  }
  void operator()(TestUse& node) const {
    (*this)(node.subject);
    for_each_argument(node.arguments, visit);
  }
  void operator()(Unary& node) const { (*this)(node.operand); }
  void operator()(Binary& node) const {
    (*this)(node.left);
    (*this)(node.right);
  }
  void operator()(Logical& node) const {
    (*this)(node.left);
    (*this)(node.right);
  }
  void operator()(Compare& node) const {
    (*this)(node.first);
    for (auto& [comparison, operand] : node.rest) (*this)(operand);
  }
  void operator()(Concatenation& node) const {
    for (ExpressionPointer& part : node.parts) (*this)(part);
  }
  void operator()(Conditional& node) const {
    (*this)(node.test);
    (*this)(node.then);
    (*this)(node.otherwise);
  }
  void operator()(ListLiteral& node) const {
    for (ExpressionPointer& item : node.items) (*this)(item);
  }
  void operator()(TupleLiteral& node) const {
    for (ExpressionPointer& item : node.items) (*this)(item);
  }
  void operator()(DictLiteral& node) const {
    for (auto& [key, value] : node.items) {
      (*this)(key);
      (*this)(value);
    }
  }
};

}  // namespace detail

template <class Visit>
void for_each_argument(CallArguments& arguments, Visit visit) {
  for (ExpressionPointer& argument : arguments.positional) visit(*argument);
  for (auto& [name, argument] : arguments.named) visit(*argument);
  if (arguments.star) visit(*arguments.star);
  if (arguments.double_star) visit(*arguments.double_star);
}

template <class Visit>
void for_each_child(Expression& expression, Visit visit) {
  std::visit(detail::ChildVisitor<Visit>{visit}, expression.node);
}

}  // namespace linnet::templates
