// What follows an expression: attributes, subscripts, calls, filters and tests.
#include <utility>

#include "runtime/text/template/expression_parser.h"
#include "runtime/text/template/filters.h"
#include "runtime/text/template/tests.h"

namespace linnet::templates {

Result<ExpressionPointer> ExpressionParser::parse_postfix(ExpressionPointer node) {
  while (true) {
    if (stream_.current().is_operator(".")) {
      LINNET_TRY(node, parse_dot(std::move(node)));
    } else if (stream_.current().is_operator("[")) {
      LINNET_TRY(node, parse_subscript(std::move(node)));
    } else if (stream_.current().is_operator("(")) {
      LINNET_TRY(node, parse_call(std::move(node)));
    } else {
      return node;
    }
  }
}

Result<ExpressionPointer> ExpressionParser::parse_filters_and_tests(ExpressionPointer node) {
  while (true) {
    if (stream_.current().is_operator("|")) {
      LINNET_TRY(node, parse_filters(std::move(node)));
    } else if (stream_.current().is_name("is")) {
      LINNET_TRY(node, parse_test(std::move(node)));
    } else if (stream_.current().is_operator("(")) {
      LINNET_TRY(node, parse_call(std::move(node)));
    } else {
      return node;
    }
  }
}

Result<ExpressionPointer> ExpressionParser::parse_dot(ExpressionPointer object) {
  const int line = stream_.take().line;
  const Token& token = stream_.current();
  if (token.kind == TokenKind::kName) {
    return make(line, AttributeOf{std::move(object), Value::string(stream_.take().text)});
  }
  if (token.kind != TokenKind::kInteger) return stream_.unexpected("a name or a number after '.'");
  LINNET_TRY(ExpressionPointer key, make(line, Constant{Value::integer(stream_.take().integer)}));
  return make(line, ItemOf{std::move(object), std::move(key)});
}

Result<ExpressionPointer> ExpressionParser::parse_subscript(ExpressionPointer object) {
  const int line = stream_.take().line;
  ExpressionPointer key;
  if (!stream_.current().is_operator(":")) {
    LINNET_TRY(key, parse());
  }
  if (stream_.current().is_operator(":")) return parse_slice(std::move(object), std::move(key), line);
  if (stream_.current().is_operator(",")) {
    TupleLiteral tuple;
    tuple.items.push_back(std::move(key));
    while (stream_.skip_operator(",")) {
      LINNET_TRY(ExpressionPointer item, parse());
      tuple.items.push_back(std::move(item));
    }
    LINNET_TRY(key, make(line, std::move(tuple)));
  }
  LINNET_CHECK(stream_.expect_operator("]"));
  return make(line, ItemOf{std::move(object), std::move(key)});
}

Result<ExpressionPointer> ExpressionParser::parse_slice(ExpressionPointer object, ExpressionPointer start, int line) {
  SliceOf slice;
  slice.object = std::move(object);
  slice.bounds[0] = std::move(start);
  for (std::size_t i = 1; i < 3 && stream_.skip_operator(":"); ++i) {
    if (stream_.current().is_operator(":") || stream_.current().is_operator("]")) continue;
    LINNET_TRY(slice.bounds[i], parse());
  }
  LINNET_CHECK(stream_.expect_operator("]"));
  return make(line, std::move(slice));
}

Result<ExpressionPointer> ExpressionParser::parse_call(ExpressionPointer callee) {
  const int line = stream_.current().line;
  LINNET_TRY(CallArguments arguments, parse_arguments());
  return make(line, Call{std::move(callee), std::move(arguments)});
}

Result<CallArguments> ExpressionParser::parse_arguments() {
  LINNET_CHECK(stream_.expect_operator("("));
  CallArguments arguments;
  while (!stream_.current().is_operator(")")) {
    LINNET_CHECK(parse_argument(arguments));
    if (!stream_.skip_operator(",")) break;
  }
  LINNET_CHECK(stream_.expect_operator(")"));
  return arguments;
}

Result<void> ExpressionParser::parse_argument(CallArguments& arguments) {
  const int line = stream_.current().line;
  const auto ensure = [line](bool in_order) -> Result<void> {
    if (in_order) return {};
    return fail_at(line, ErrorKind::kMalformed, "the arguments of a call are out of order");
  };
  if (stream_.skip_operator("*")) {
    LINNET_CHECK(ensure(!arguments.star && !arguments.double_star));
    LINNET_TRY(arguments.star, parse());
    return {};
  }
  if (stream_.skip_operator("**")) {
    LINNET_CHECK(ensure(!arguments.double_star));
    LINNET_TRY(arguments.double_star, parse());
    return {};
  }
  if (stream_.current().kind == TokenKind::kName && stream_.ahead().is_operator("=")) {
    LINNET_CHECK(ensure(!arguments.double_star));
    std::string name = stream_.take().text;
    stream_.take();
    for (const auto& [given, value] : arguments.named) {
      if (given == name) return fail_at(line, ErrorKind::kMalformed, "keyword argument repeated: " + name);
    }
    LINNET_TRY(ExpressionPointer value, parse());
    arguments.named.emplace_back(std::move(name), std::move(value));
    return {};
  }
  LINNET_CHECK(ensure(!arguments.star && !arguments.double_star && arguments.named.empty()));
  LINNET_TRY(ExpressionPointer value, parse());
  arguments.positional.push_back(std::move(value));
  return {};
}

Result<std::string> ExpressionParser::parse_dotted_name() {
  LINNET_TRY(std::string name, stream_.expect_name());
  while (stream_.skip_operator(".")) {
    LINNET_TRY(const std::string part, stream_.expect_name());
    name += "." + part;
  }
  return name;
}

Result<ExpressionPointer> ExpressionParser::parse_filters(ExpressionPointer subject) {
  while (stream_.skip_operator("|")) {
    LINNET_TRY(subject, parse_one_filter(std::move(subject)));
  }
  return subject;
}

Result<ExpressionPointer> ExpressionParser::parse_filter_chain() {
  LINNET_TRY(ExpressionPointer first, parse_one_filter(nullptr));
  return parse_filters(std::move(first));
}

Result<ExpressionPointer> ExpressionParser::parse_one_filter(ExpressionPointer subject) {
  const int line = stream_.current().line;
  LINNET_TRY(std::string name, parse_dotted_name());
  if (is_refused_filter(name)) return fail_at(line, ErrorKind::kUnsupported, "filter '" + name + "' is not supported");
  const Filter* filter = find_filter(name);
  CallArguments arguments;
  if (stream_.current().is_operator("(")) {
    LINNET_TRY(arguments, parse_arguments());
  }
  return make(line, FilterUse{std::move(subject), std::move(name), filter, std::move(arguments)});
}

Result<CallArguments> ExpressionParser::parse_test_arguments() {
  const Token& token = stream_.current();
  if (token.is_operator("(")) return parse_arguments();
  CallArguments arguments;
  const bool starts_value = token.kind == TokenKind::kName || token.kind == TokenKind::kString ||
                            token.kind == TokenKind::kInteger || token.kind == TokenKind::kFloat ||
                            token.is_operator("[") || token.is_operator("{");
  if (!starts_value || token.is_name("else") || token.is_name("or") || token.is_name("and")) return arguments;
  if (token.is_name("is")) {
    return fail_at(token.line, ErrorKind::kMalformed, "tests with 'is' cannot be chained");
  }
  LINNET_TRY(ExpressionPointer argument, parse_primary());
  LINNET_TRY(argument, parse_postfix(std::move(argument)));
  arguments.positional.push_back(std::move(argument));
  return arguments;
}

Result<ExpressionPointer> ExpressionParser::parse_test(ExpressionPointer subject) {
  const int line = stream_.take().line;
  const bool negated = stream_.skip_name("not");
  LINNET_TRY(std::string name, parse_dotted_name());
  const Test* test = find_test(name);
  LINNET_TRY(CallArguments arguments, parse_test_arguments());
  LINNET_TRY(ExpressionPointer node,
             make(line, TestUse{std::move(subject), std::move(name), test, std::move(arguments)}));
  if (!negated) return node;
  return make(line, Unary{UnaryOperator::kNot, std::move(node)});
}

}  // namespace linnet::templates
