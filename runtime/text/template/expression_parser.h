// Expressions of a template, with Jinja2's precedence.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/template/ast.h"
#include "runtime/text/template/limits.h"
#include "runtime/text/template/token_stream.h"

namespace linnet::templates {

// Reads from a stream that it shares with the statement parser.
class ExpressionParser {
 public:
  enum class Conditionals : bool { kRefused, kAllowed };  // `a if b`: not where `if` means something else.
  enum class Parentheses : bool { kNone, kAround };

  ExpressionParser(TokenStream& stream, const Limits& limits) : stream_(stream), limits_(limits) {}

  // One expression.
  [[nodiscard]] Result<ExpressionPointer> parse(Conditionals conditionals = Conditionals::kAllowed);

  // One expression, or a tuple of them without parentheses.
  [[nodiscard]] Result<ExpressionPointer> parse_tuple(Conditionals conditionals = Conditionals::kAllowed,
                                                      Parentheses parentheses = Parentheses::kNone);

  // A literal, a name or something in brackets: no operators, filters or calls.
  [[nodiscard]] Result<ExpressionPointer> parse_primary();

  // The chain `| a | b(…)` at the current token, on top of `subject`, which may be null.
  [[nodiscard]] Result<ExpressionPointer> parse_filters(ExpressionPointer subject);
  // The same where the first bar is left out: `{% filter a | b %}`.
  [[nodiscard]] Result<ExpressionPointer> parse_filter_chain();

  [[nodiscard]] Result<ExpressionPointer> make(int line, Expression::Node node) const;

 private:
  class Nesting;

  [[nodiscard]] Result<ExpressionPointer> parse_conditional();
  [[nodiscard]] Result<ExpressionPointer> parse_logical(bool is_and);
  [[nodiscard]] Result<ExpressionPointer> parse_not();
  [[nodiscard]] Result<ExpressionPointer> parse_comparison();
  [[nodiscard]] Result<ExpressionPointer> parse_sum();
  [[nodiscard]] Result<ExpressionPointer> parse_concatenation();
  [[nodiscard]] Result<ExpressionPointer> parse_product();
  [[nodiscard]] Result<ExpressionPointer> parse_power();
  enum class Filters : bool { kWithout, kWith };
  [[nodiscard]] Result<ExpressionPointer> parse_unary(Filters filters = Filters::kWith);
  [[nodiscard]] Result<ExpressionPointer> parse_postfix(ExpressionPointer node);
  [[nodiscard]] Result<ExpressionPointer> parse_filters_and_tests(ExpressionPointer node);
  [[nodiscard]] Result<ExpressionPointer> parse_one_filter(ExpressionPointer subject);
  [[nodiscard]] Result<ExpressionPointer> parse_test(ExpressionPointer subject);
  [[nodiscard]] Result<CallArguments> parse_test_arguments();
  [[nodiscard]] Result<ExpressionPointer> parse_dot(ExpressionPointer object);
  [[nodiscard]] Result<ExpressionPointer> parse_subscript(ExpressionPointer object);
  [[nodiscard]] Result<ExpressionPointer> parse_slice(ExpressionPointer object, ExpressionPointer start, int line);
  [[nodiscard]] Result<ExpressionPointer> parse_call(ExpressionPointer callee);
  [[nodiscard]] Result<CallArguments> parse_arguments();
  [[nodiscard]] Result<void> parse_argument(CallArguments& arguments);
  [[nodiscard]] Result<ExpressionPointer> parse_name();
  [[nodiscard]] Result<ExpressionPointer> parse_string();
  [[nodiscard]] Result<ExpressionPointer> parse_list();
  [[nodiscard]] Result<ExpressionPointer> parse_dict();
  [[nodiscard]] Result<std::string> parse_dotted_name();
  [[nodiscard]] bool at_tuple_end() const;

  TokenStream& stream_;
  const Limits& limits_;
  std::size_t nesting_ = 0;
};

}  // namespace linnet::templates
