// Expressions of a template.
#include <utility>

#include "runtime/text/template/evaluator.h"
#include "runtime/text/template/methods.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/repr.h"

namespace linnet::templates {

Result<Value> Evaluator::evaluate(const Expression& expression) {
  line_ = expression.line;
  LINNET_CHECK(workspace().spend(1));
  if (const auto* constant = std::get_if<Constant>(&expression.node)) return constant->value;
  LINNET_CHECK(workspace().enter());
  const DepthGuard guard(workspace());
  return std::visit([this, &expression](const auto& node) { return value_of(node, expression.line); }, expression.node);
}

Result<std::vector<Value>> Evaluator::values_of(const std::vector<ExpressionPointer>& expressions) {
  std::vector<Value> values;
  values.reserve(expressions.size());
  for (const ExpressionPointer& expression : expressions) {
    LINNET_TRY(Value value, evaluate(*expression));
    values.push_back(std::move(value));
  }
  return values;
}

Result<Value> Evaluator::value_of(const Constant& node, int) { return node.value; }

Result<Value> Evaluator::value_of(const Name& node, int) {
  const Value& value = slot(node.slot);
  // An empty slot gets the name that was looked for, for the message.
  if (value.is(Kind::kUndefined) && value.is_nameless()) return Value::undefined(node.name);
  return value;
}

Result<Value> Evaluator::value_of(const AttributeOf& node, int line) {
  LINNET_TRY(const Value object, evaluate(*node.object));
  line_ = line;
  return interpreter_.attribute(object, node.name);
}

Result<Value> Evaluator::value_of(const ItemOf& node, int line) {
  LINNET_TRY(const Value object, evaluate(*node.object));
  LINNET_TRY(const Value key, evaluate(*node.key));
  line_ = line;
  return interpreter_.item(object, key);
}

Result<Value> Evaluator::value_of(const SliceOf& node, int line) {
  LINNET_TRY(const Value object, evaluate(*node.object));
  Value bounds[3] = {Value::none(), Value::none(), Value::none()};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!node.bounds[i]) continue;
    LINNET_TRY(bounds[i], evaluate(*node.bounds[i]));
  }
  line_ = line;
  return slice(interpreter_, object, bounds[0], bounds[1], bounds[2]);
}

Result<Arguments> Evaluator::arguments_of(const CallArguments& arguments) {
  Arguments result;
  LINNET_TRY(result.positional, values_of(arguments.positional));
  for (const auto& [name, expression] : arguments.named) {
    LINNET_TRY(Value value, evaluate(*expression));
    result.named.emplace_back(name, std::move(value));
  }
  if (arguments.star) {
    LINNET_TRY(const Value star, evaluate(*arguments.star));
    LINNET_TRY(const std::vector<Value> values, interpreter_.elements(star));
    result.positional.insert(result.positional.end(), values.begin(), values.end());
  }
  if (!arguments.double_star) return result;
  LINNET_TRY(const Value double_star, evaluate(*arguments.double_star));
  if (!double_star.is(Kind::kDict)) return python_error("argument after ** must be a mapping");
  for (const auto& [key, value] : double_star.as_dict().entries()) {
    if (!key.is(Kind::kString)) return python_error("keywords must be strings");
    for (const auto& [name, other] : arguments.named) {
      if (name == key.as_string()) return python_error("multiple values for keyword argument " + quoted(name));
    }
    result.named.emplace_back(key.as_string(), value);
  }
  return result;
}

Result<Value> Evaluator::value_of(const Call& node, int line) { return call(node, line, std::nullopt); }

Result<Value> Evaluator::call(const Call& node, int line, const std::optional<Value>& caller) {
  const auto* attribute = std::get_if<AttributeOf>(&node.callee->node);
  Value callee;
  const Method* method = nullptr;
  if (attribute != nullptr) {
    // `text.strip()` needs no bound method in between.
    LINNET_TRY(callee, evaluate(*attribute->object));
    line_ = node.callee->line;
    method = lookup_method(callee, attribute->name.as_string());
    if (method == nullptr) {
      LINNET_TRY(callee, interpreter_.attribute(callee, attribute->name));
    }
  } else {
    LINNET_TRY(callee, evaluate(*node.callee));
  }
  LINNET_TRY(Arguments arguments, arguments_of(node.arguments));
  if (caller) arguments.named.emplace_back("caller", *caller);
  line_ = line;
  return method != nullptr ? method->function(interpreter_, callee, arguments) : interpreter_.call(callee, arguments);
}

Result<Value> Evaluator::value_of(const FilterUse& node, int line) {
  Value subject = captured_;
  if (node.subject) {
    LINNET_TRY(subject, evaluate(*node.subject));
  }
  LINNET_TRY(const Arguments arguments, arguments_of(node.arguments));
  line_ = line;
  if (node.filter == nullptr) return python_error("no filter named " + quoted(node.name));
  return node.filter->apply(interpreter_, subject, arguments);
}

Result<Value> Evaluator::value_of(const TestUse& node, int line) {
  LINNET_TRY(const Value subject, evaluate(*node.subject));
  LINNET_TRY(const Arguments arguments, arguments_of(node.arguments));
  line_ = line;
  if (node.test == nullptr) return python_error("no test named " + quoted(node.name));
  LINNET_TRY(const bool passes, node.test->apply(interpreter_, subject, arguments));
  return Value::boolean(passes);
}

Result<Value> Evaluator::value_of(const Unary& node, int line) {
  LINNET_TRY(const Value operand, evaluate(*node.operand));
  line_ = line;
  return unary(node.symbol, operand);
}

Result<Value> Evaluator::value_of(const Binary& node, int line) {
  LINNET_TRY(const Value left, evaluate(*node.left));
  LINNET_TRY(const Value right, evaluate(*node.right));
  line_ = line;
  return binary(interpreter_, node.symbol, left, right);
}

Result<Value> Evaluator::value_of(const Logical& node, int) {
  LINNET_TRY(Value left, evaluate(*node.left));
  if (truth_of(left) != node.is_and) return left;
  return evaluate(*node.right);
}

Result<Value> Evaluator::value_of(const Compare& node, int line) {
  LINNET_TRY(Value left, evaluate(*node.first));
  for (const auto& [comparison, expression] : node.rest) {
    LINNET_TRY(Value right, evaluate(*expression));
    line_ = line;
    LINNET_TRY(const bool holds, compare(interpreter_, comparison, left, right));
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Result<Value> Evaluator::value_of(const Concatenation& node, int line) {
  std::string text;
  for (const ExpressionPointer& part : node.parts) {
    LINNET_TRY(const Value value, evaluate(*part));
    line_ = line;
    LINNET_CHECK(append_str(workspace(), text, value));
    LINNET_CHECK(workspace().room_for_string(text.size()));
  }
  return workspace().string(std::move(text));
}

Result<Value> Evaluator::value_of(const Conditional& node, int) {
  LINNET_TRY(const Value test, evaluate(*node.test));
  if (truth_of(test)) return evaluate(*node.then);
  if (node.otherwise) return evaluate(*node.otherwise);
  return Value::undefined_because("the inline if-expression evaluated to false and no else section was defined.");
}

Result<Value> Evaluator::value_of(const ListLiteral& node, int line) {
  LINNET_TRY(std::vector<Value> items, values_of(node.items));
  line_ = line;
  return workspace().list(std::move(items));
}

Result<Value> Evaluator::value_of(const TupleLiteral& node, int line) {
  LINNET_TRY(std::vector<Value> items, values_of(node.items));
  line_ = line;
  return workspace().tuple(std::move(items));
}

Result<Value> Evaluator::value_of(const DictLiteral& node, int line) {
  Dict dict;
  for (const auto& [key_expression, value_expression] : node.items) {
    LINNET_TRY(Value key, evaluate(*key_expression));
    LINNET_TRY(Value value, evaluate(*value_expression));
    line_ = line;
    if (!is_hashable(key)) return python_error("unhashable type: " + quoted(type_name_of(key)));
    LINNET_CHECK(workspace().spend(key.weight()));
    dict.set(std::move(key), std::move(value));
  }
  return workspace().dict(std::move(dict));
}

}  // namespace linnet::templates
