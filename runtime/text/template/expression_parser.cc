#include "runtime/text/template/expression_parser.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace linnet::templates {

// One level of recursion; refuses the next when the limit is reached.
class ExpressionParser::Nesting {
 public:
  explicit Nesting(ExpressionParser& parser) : parser_(parser) { ++parser_.nesting_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  ~Nesting() { --parser_.nesting_; }

  [[nodiscard]] Result<void> check() const {
    if (parser_.nesting_ <= parser_.limits_.expression_nesting) return {};
    return fail_at(parser_.stream_.current().line, ErrorKind::kUnsupported,
                   "brackets nest deeper than " + std::to_string(parser_.limits_.expression_nesting));
  }

 private:
  ExpressionParser& parser_;
};

Result<ExpressionPointer> ExpressionParser::make(int line, Expression::Node node) const {
  auto expression = std::make_unique<Expression>(Expression{line, 0, std::move(node)});
  std::size_t height = 0;
  for_each_child(*expression, [&height](Expression& child) { height = std::max(height, child.height); });
  expression->height = height + 1;
  if (expression->height > limits_.expression_depth) {
    return fail_at(line, ErrorKind::kUnsupported,
                   "an expression is deeper than " + std::to_string(limits_.expression_depth) + " operations");
  }
  return expression;
}

Result<ExpressionPointer> ExpressionParser::parse(Conditionals conditionals) {
  const Nesting nesting(*this);
  LINNET_CHECK(nesting.check());
  return conditionals == Conditionals::kAllowed ? parse_conditional() : parse_logical(false);
}

bool ExpressionParser::at_tuple_end() const {
  const Token& token = stream_.current();
  return token.kind == TokenKind::kVariableEnd || token.kind == TokenKind::kBlockEnd || token.is_operator(")");
}

Result<ExpressionPointer> ExpressionParser::parse_tuple(Conditionals conditionals, Parentheses parentheses) {
  std::vector<ExpressionPointer> items;
  bool is_tuple = false;
  const int line = stream_.current().line;
  while (!at_tuple_end()) {
    LINNET_TRY(ExpressionPointer item, parse(conditionals));
    items.push_back(std::move(item));
    if (!stream_.skip_operator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !items.empty()) return std::move(items.front());
  if (items.empty() && (is_tuple || parentheses == Parentheses::kNone)) return stream_.unexpected("an expression");
  return make(line, TupleLiteral{std::move(items)});
}

Result<ExpressionPointer> ExpressionParser::parse_conditional() {
  const int line = stream_.current().line;
  LINNET_TRY(ExpressionPointer value, parse_logical(false));
  while (stream_.skip_name("if")) {
    LINNET_TRY(ExpressionPointer test, parse_logical(false));
    ExpressionPointer otherwise;
    if (stream_.skip_name("else")) {
      const Nesting nesting(*this);
      LINNET_CHECK(nesting.check());
      LINNET_TRY(otherwise, parse_conditional());
    }
    LINNET_TRY(value, make(line, Conditional{std::move(test), std::move(value), std::move(otherwise)}));
  }
  return value;
}

Result<ExpressionPointer> ExpressionParser::parse_logical(bool is_and) {
  const auto operand = [this, is_and] { return is_and ? parse_not() : parse_logical(true); };
  const int line = stream_.current().line;
  LINNET_TRY(ExpressionPointer left, operand());
  while (stream_.skip_name(is_and ? "and" : "or")) {
    LINNET_TRY(ExpressionPointer right, operand());
    LINNET_TRY(left, make(line, Logical{is_and, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPointer> ExpressionParser::parse_not() {
  const int line = stream_.current().line;
  if (!stream_.skip_name("not")) return parse_comparison();
  const Nesting nesting(*this);
  LINNET_CHECK(nesting.check());
  LINNET_TRY(ExpressionPointer operand, parse_not());
  return make(line, Unary{UnaryOperator::kNot, std::move(operand)});
}

namespace {

std::optional<Comparison> take_comparison(TokenStream& stream) {
  constexpr std::array<std::pair<std::string_view, Comparison>, 6> kSymbols = {{{"==", Comparison::kEqual},
                                                                                {"!=", Comparison::kNotEqual},
                                                                                {"<", Comparison::kLess},
                                                                                {"<=", Comparison::kLessOrEqual},
                                                                                {">", Comparison::kGreater},
                                                                                {">=", Comparison::kGreaterOrEqual}}};
  for (const auto& [symbol, comparison] : kSymbols) {
    if (stream.skip_operator(symbol)) return comparison;
  }
  if (stream.skip_name("in")) return Comparison::kIn;
  if (stream.current().is_name("not") && stream.ahead().is_name("in")) {
    stream.take();
    stream.take();
    return Comparison::kNotIn;
  }
  return std::nullopt;
}

struct BinarySymbol {
  std::string_view text;
  BinaryOperator symbol;
};

template <std::size_t N>
std::optional<BinaryOperator> take_binary(TokenStream& stream, const BinarySymbol (&symbols)[N]) {
  for (const auto& [text, symbol] : symbols) {
    if (stream.skip_operator(text)) return symbol;
  }
  return std::nullopt;
}

}  // namespace

Result<ExpressionPointer> ExpressionParser::parse_comparison() {
  const int line = stream_.current().line;
  LINNET_TRY(ExpressionPointer first, parse_sum());
  Compare compare;
  while (const auto comparison = take_comparison(stream_)) {
    LINNET_TRY(ExpressionPointer operand, parse_sum());
    compare.rest.emplace_back(*comparison, std::move(operand));
  }
  if (compare.rest.empty()) return first;
  compare.first = std::move(first);
  return make(line, std::move(compare));
}

Result<ExpressionPointer> ExpressionParser::parse_sum() {
  static constexpr BinarySymbol kSymbols[] = {{"+", BinaryOperator::kAdd}, {"-", BinaryOperator::kSubtract}};
  LINNET_TRY(ExpressionPointer left, parse_concatenation());
  while (true) {
    const int line = stream_.current().line;
    const auto symbol = take_binary(stream_, kSymbols);
    if (!symbol) return left;
    LINNET_TRY(ExpressionPointer right, parse_concatenation());
    LINNET_TRY(left, make(line, Binary{*symbol, std::move(left), std::move(right)}));
  }
}

Result<ExpressionPointer> ExpressionParser::parse_concatenation() {
  const int line = stream_.current().line;
  LINNET_TRY(ExpressionPointer first, parse_product());
  if (!stream_.current().is_operator("~")) return first;
  Concatenation node;
  node.parts.push_back(std::move(first));
  while (stream_.skip_operator("~")) {
    LINNET_TRY(ExpressionPointer part, parse_product());
    node.parts.push_back(std::move(part));
  }
  return make(line, std::move(node));
}

Result<ExpressionPointer> ExpressionParser::parse_product() {
  static constexpr BinarySymbol kSymbols[] = {{"*", BinaryOperator::kMultiply},
                                              {"/", BinaryOperator::kDivide},
                                              {"//", BinaryOperator::kFloorDivide},
                                              {"%", BinaryOperator::kRemainder}};
  LINNET_TRY(ExpressionPointer left, parse_power());
  while (true) {
    const int line = stream_.current().line;
    const auto symbol = take_binary(stream_, kSymbols);
    if (!symbol) return left;
    LINNET_TRY(ExpressionPointer right, parse_power());
    LINNET_TRY(left, make(line, Binary{*symbol, std::move(left), std::move(right)}));
  }
}

Result<ExpressionPointer> ExpressionParser::parse_power() {
  LINNET_TRY(ExpressionPointer left, parse_unary());
  while (true) {
    const int line = stream_.current().line;
    if (!stream_.skip_operator("**")) return left;
    LINNET_TRY(ExpressionPointer right, parse_unary());
    // Left-associative, unlike Python: 2 ** 3 ** 2 is 64 in Jinja2.
    LINNET_TRY(left, make(line, Binary{BinaryOperator::kPower, std::move(left), std::move(right)}));
  }
}

Result<ExpressionPointer> ExpressionParser::parse_unary(Filters filters) {
  const Nesting nesting(*this);
  LINNET_CHECK(nesting.check());
  const int line = stream_.current().line;
  ExpressionPointer node;
  if (stream_.skip_operator("-")) {
    LINNET_TRY(ExpressionPointer operand, parse_unary(Filters::kWithout));
    LINNET_TRY(node, make(line, Unary{UnaryOperator::kNegate, std::move(operand)}));
  } else if (stream_.skip_operator("+")) {
    LINNET_TRY(ExpressionPointer operand, parse_unary(Filters::kWithout));
    LINNET_TRY(node, make(line, Unary{UnaryOperator::kPlus, std::move(operand)}));
  } else {
    LINNET_TRY(node, parse_primary());
  }
  LINNET_TRY(node, parse_postfix(std::move(node)));
  if (filters == Filters::kWithout) return node;
  return parse_filters_and_tests(std::move(node));
}

Result<ExpressionPointer> ExpressionParser::parse_name() {
  const Token& token = stream_.take();
  const std::string& name = token.text;
  if (name == "true" || name == "True") return make(token.line, Constant{Value::boolean(true)});
  if (name == "false" || name == "False") return make(token.line, Constant{Value::boolean(false)});
  if (name == "none" || name == "None") return make(token.line, Constant{Value::none()});
  return make(token.line, Name{Value::string(name), {}});
}

Result<ExpressionPointer> ExpressionParser::parse_string() {
  const int line = stream_.current().line;
  std::string text;
  while (stream_.current().kind == TokenKind::kString) text += stream_.take().text;
  return make(line, Constant{Value::string(std::move(text))});
}

Result<ExpressionPointer> ExpressionParser::parse_primary() {
  const Token& token = stream_.current();
  switch (token.kind) {
    case TokenKind::kName: return parse_name();
    case TokenKind::kString: return parse_string();
    case TokenKind::kInteger: return make(token.line, Constant{Value::integer(stream_.take().integer)});
    case TokenKind::kFloat: return make(token.line, Constant{Value::floating(stream_.take().real)});
    default: break;
  }
  if (stream_.skip_operator("(")) {
    LINNET_TRY(ExpressionPointer node, parse_tuple(Conditionals::kAllowed, Parentheses::kAround));
    LINNET_CHECK(stream_.expect_operator(")"));
    return node;
  }
  if (token.is_operator("[")) return parse_list();
  if (token.is_operator("{")) return parse_dict();
  return stream_.unexpected("an expression");
}

Result<ExpressionPointer> ExpressionParser::parse_list() {
  const int line = stream_.take().line;
  ListLiteral list;
  while (!stream_.current().is_operator("]")) {
    LINNET_TRY(ExpressionPointer item, parse());
    list.items.push_back(std::move(item));
    if (!stream_.skip_operator(",")) break;
  }
  LINNET_CHECK(stream_.expect_operator("]"));
  return make(line, std::move(list));
}

Result<ExpressionPointer> ExpressionParser::parse_dict() {
  const int line = stream_.take().line;
  DictLiteral dict;
  while (!stream_.current().is_operator("}")) {
    LINNET_TRY(ExpressionPointer key, parse());
    LINNET_CHECK(stream_.expect_operator(":"));
    LINNET_TRY(ExpressionPointer value, parse());
    dict.items.emplace_back(std::move(key), std::move(value));
    if (!stream_.skip_operator(",")) break;
  }
  LINNET_CHECK(stream_.expect_operator("}"));
  return make(line, std::move(dict));
}

}  // namespace linnet::templates
