#include "runtime/text/template/parser.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "runtime/text/template/expression_parser.h"
#include "runtime/text/template/token_stream.h"

namespace linnet::templates {

namespace {

class Parser {
 public:
  Parser(std::vector<Token> tokens, const Limits& limits)
      : stream_(std::move(tokens)), expressions_(stream_, limits), limits_(limits) {}

  Result<Block> parse_all() {
    LINNET_TRY(Block body, parse_block({}));
    return body;
  }

 private:
  using EndTags = std::initializer_list<std::string_view>;

  // Statements until one of `end_tags`, which is then the current token, or the template's end if there are none.
  Result<Block> parse_block(EndTags end_tags);
  // The body of a tag: the end of the tag, statements, then one of `end_tags`, which is taken.
  Result<Block> parse_body(EndTags end_tags, std::string* found = nullptr);
  Result<Statement> parse_statement();
  Result<Statement> parse_tag(const std::string& tag, int line);

  Result<Statement> parse_set(int line);
  Result<Statement> parse_for(int line);
  Result<Statement> parse_if(int line);
  Result<Statement> parse_macro(int line);
  Result<Statement> parse_call(int line);
  Result<Statement> parse_generation(int line);
  Result<Statement> parse_filter(int line);
  Result<Statement> parse_with(int line);
  Result<Statement> parse_print(int line);
  Result<Statement> parse_loop_control(bool is_break, int line) const;

  enum class NamespaceTargets : bool { kRefused, kAllowed };
  Result<Target> parse_target(NamespaceTargets namespaces);
  Result<Target> parse_one_target(NamespaceTargets namespaces);
  Result<Target> to_target(const Expression& expression) const;
  Result<std::string> parse_target_name();
  Result<void> parse_parameters(MacroParts& macro);
  // A body in which `break` has no loop to leave: Python's functions.
  Result<Block> parse_function_body(EndTags end_tags);

  TokenStream stream_;
  ExpressionParser expressions_;
  const Limits& limits_;
  std::vector<std::string> open_tags_;
  int loops_ = 0;  // That `break` can leave.
};

Result<Block> Parser::parse_block(EndTags end_tags) {
  Block block;
  std::vector<ExpressionPointer> output;
  int output_line = 0;
  const auto flush = [&] {
    if (!output.empty()) block.push_back(Statement{output_line, Output{std::exchange(output, {})}});
  };
  while (stream_.current().kind != TokenKind::kEnd) {
    const Token& token = stream_.take();
    if (output.empty()) output_line = token.line;
    if (token.kind == TokenKind::kData) {
      LINNET_TRY(ExpressionPointer text, expressions_.make(token.line, Constant{Value::string(token.text)}));
      output.push_back(std::move(text));
    } else if (token.kind == TokenKind::kVariableBegin) {
      LINNET_TRY(ExpressionPointer value, expressions_.parse_tuple());
      LINNET_CHECK(stream_.expect_kind(TokenKind::kVariableEnd));
      output.push_back(std::move(value));
    } else {
      flush();
      const bool at_end = std::any_of(end_tags.begin(), end_tags.end(),
                                      [this](std::string_view tag) { return stream_.current().is_name(tag); });
      if (at_end) return block;
      LINNET_TRY(Statement statement, parse_statement());
      block.push_back(std::move(statement));
      LINNET_CHECK(stream_.expect_kind(TokenKind::kBlockEnd));
    }
  }
  flush();
  if (end_tags.size() == 0) return block;
  return fail_at(stream_.current().line, ErrorKind::kMalformed,
                 "unexpected end of template: '" + open_tags_.back() + "' is not closed");
}

Result<Block> Parser::parse_body(EndTags end_tags, std::string* found) {
  stream_.skip_operator(":");  // Jinja2 allows `{% if x: %}`.
  LINNET_CHECK(stream_.expect_kind(TokenKind::kBlockEnd));
  LINNET_TRY(Block block, parse_block(end_tags));
  const Token& end = stream_.take();
  if (found != nullptr) *found = end.text;
  return block;
}

Result<Block> Parser::parse_function_body(EndTags end_tags) {
  const int loops = std::exchange(loops_, 0);
  LINNET_TRY(Block block, parse_body(end_tags));
  loops_ = loops;
  return block;
}

Result<Statement> Parser::parse_statement() {
  const Token& token = stream_.current();
  if (token.kind != TokenKind::kName) return stream_.unexpected("a tag's name");
  if (open_tags_.size() >= limits_.statement_nesting) {
    return fail_at(token.line, ErrorKind::kUnsupported,
                   "blocks nest deeper than " + std::to_string(limits_.statement_nesting));
  }
  open_tags_.push_back(token.text);
  stream_.take();
  LINNET_TRY(Statement statement, parse_tag(token.text, token.line));
  open_tags_.pop_back();
  return statement;
}

Result<Statement> Parser::parse_tag(const std::string& tag, int line) {
  if (tag == "set") return parse_set(line);
  if (tag == "for") return parse_for(line);
  if (tag == "if") return parse_if(line);
  if (tag == "macro") return parse_macro(line);
  if (tag == "call") return parse_call(line);
  if (tag == "generation") return parse_generation(line);
  if (tag == "filter") return parse_filter(line);
  if (tag == "with") return parse_with(line);
  if (tag == "print") return parse_print(line);
  if (tag == "break" || tag == "continue") return parse_loop_control(tag == "break", line);
  constexpr std::array<std::string_view, 6> kRefused = {"block", "extends", "include", "import", "from", "autoescape"};
  if (std::find(kRefused.begin(), kRefused.end(), tag) != kRefused.end()) {
    return fail_at(line, ErrorKind::kUnsupported, "the tag '" + tag + "' is not supported");
  }
  return fail_at(line, ErrorKind::kMalformed, "unknown tag '" + tag + "'");
}

Result<std::string> Parser::parse_target_name() {
  const int line = stream_.current().line;
  LINNET_TRY(std::string name, stream_.expect_name());
  constexpr std::array<std::string_view, 6> kConstants = {"true", "false", "none", "True", "False", "None"};
  if (std::find(kConstants.begin(), kConstants.end(), name) != kConstants.end()) {
    return fail_at(line, ErrorKind::kMalformed, "cannot assign to '" + name + "'");
  }
  return name;
}

Result<Target> Parser::to_target(const Expression& expression) const {
  if (const auto* name = std::get_if<Name>(&expression.node)) {
    return Target{Target::Form::kName, name->name, {}, {}, {}};
  }
  if (const auto* tuple = std::get_if<TupleLiteral>(&expression.node)) {
    Target target{Target::Form::kTuple, {}, {}, {}, {}};
    for (const ExpressionPointer& item : tuple->items) {
      LINNET_TRY(Target part, to_target(*item));
      target.items.push_back(std::move(part));
    }
    return target;
  }
  return fail_at(expression.line, ErrorKind::kMalformed, "cannot assign to this expression");
}

Result<Target> Parser::parse_one_target(NamespaceTargets namespaces) {
  const bool is_attribute = namespaces == NamespaceTargets::kAllowed && stream_.current().kind == TokenKind::kName &&
                            stream_.ahead().is_operator(".");
  if (!is_attribute) {
    LINNET_TRY(const ExpressionPointer expression, expressions_.parse_primary());
    return to_target(*expression);
  }
  LINNET_TRY(std::string name, parse_target_name());
  LINNET_CHECK(stream_.expect_operator("."));
  LINNET_TRY(std::string attribute, stream_.expect_name());
  return Target{
      Target::Form::kNamespaceAttribute, Value::string(std::move(name)), Value::string(std::move(attribute)), {}, {}};
}

Result<Target> Parser::parse_target(NamespaceTargets namespaces) {
  LINNET_TRY(Target first, parse_one_target(namespaces));
  if (!stream_.current().is_operator(",")) return first;
  Target tuple{Target::Form::kTuple, {}, {}, {}, {}};
  tuple.items.push_back(std::move(first));
  while (stream_.skip_operator(",")) {
    if (stream_.current().is_operator("=") || stream_.current().is_name("in")) break;
    LINNET_TRY(Target next, parse_one_target(namespaces));
    tuple.items.push_back(std::move(next));
  }
  return tuple;
}

Result<Statement> Parser::parse_set(int line) {
  LINNET_TRY(Target target, parse_target(NamespaceTargets::kAllowed));
  if (stream_.skip_operator("=")) {
    LINNET_TRY(ExpressionPointer value, expressions_.parse_tuple());
    return Statement{line, Assign{std::move(target), std::move(value)}};
  }
  Capture capture;
  capture.target = std::move(target);
  LINNET_TRY(capture.filter, expressions_.parse_filters(nullptr));
  LINNET_TRY(capture.body, parse_body({"endset"}));
  return Statement{line, std::move(capture)};
}

Result<Statement> Parser::parse_filter(int line) {
  Capture capture;
  LINNET_TRY(capture.filter, expressions_.parse_filter_chain());
  LINNET_TRY(capture.body, parse_body({"endfilter"}));
  return Statement{line, std::move(capture)};
}

Result<Statement> Parser::parse_for(int line) {
  For loop{};
  LINNET_TRY(loop.target, parse_target(NamespaceTargets::kRefused));
  if (!stream_.skip_name("in")) return stream_.unexpected("'in'");
  LINNET_TRY(loop.iterable, expressions_.parse_tuple(ExpressionParser::Conditionals::kRefused));
  if (stream_.skip_name("if")) {
    LINNET_TRY(loop.test, expressions_.parse());
  }
  loop.recursive = stream_.skip_name("recursive");
  ++loops_;
  std::string end;
  LINNET_TRY(loop.body, parse_body({"endfor", "else"}, &end));
  --loops_;
  if (end == "else") {
    LINNET_TRY(loop.otherwise, parse_body({"endfor"}));
  }
  return Statement{line, std::move(loop)};
}

Result<Statement> Parser::parse_if(int line) {
  If node;
  std::string end = "elif";
  while (end == "elif") {
    LINNET_TRY(ExpressionPointer test, expressions_.parse_tuple(ExpressionParser::Conditionals::kRefused));
    LINNET_TRY(Block body, parse_body({"elif", "else", "endif"}, &end));
    node.branches.push_back({std::move(test), std::move(body)});
  }
  if (end == "else") {
    LINNET_TRY(node.otherwise, parse_body({"endif"}));
  }
  return Statement{line, std::move(node)};
}

Result<void> Parser::parse_parameters(MacroParts& macro) {
  LINNET_CHECK(stream_.expect_operator("("));
  while (!stream_.current().is_operator(")")) {
    const int line = stream_.current().line;
    LINNET_TRY(std::string name, parse_target_name());
    for (const MacroParts::Parameter& other : macro.parameters) {
      if (other.name.as_string() == name) {
        return fail_at(line, ErrorKind::kMalformed, "duplicate parameter '" + name + "'");
      }
    }
    ExpressionPointer otherwise;
    if (stream_.skip_operator("=")) {
      LINNET_TRY(otherwise, expressions_.parse());
    } else if (!macro.parameters.empty() && macro.parameters.back().otherwise) {
      return fail_at(line, ErrorKind::kMalformed, "non-default argument follows default argument");
    }
    macro.parameters.push_back({Value::string(std::move(name)), std::move(otherwise), 0});
    if (!stream_.current().is_operator(")")) LINNET_CHECK(stream_.expect_operator(","));
  }
  return stream_.expect_operator(")");
}

Result<Statement> Parser::parse_macro(int line) {
  MacroDefinition definition{};
  LINNET_TRY(definition.macro.name, parse_target_name());
  LINNET_CHECK(parse_parameters(definition.macro));
  LINNET_TRY(definition.macro.body, parse_function_body({"endmacro"}));
  return Statement{line, std::move(definition)};
}

Result<Statement> Parser::parse_call(int line) {
  CallBlock block{};
  if (stream_.current().is_operator("(")) LINNET_CHECK(parse_parameters(block.macro));
  LINNET_TRY(block.call, expressions_.parse());
  if (!std::holds_alternative<Call>(block.call->node)) {
    return fail_at(line, ErrorKind::kMalformed, "the tag 'call' needs a call");
  }
  LINNET_TRY(block.macro.body, parse_function_body({"endcall"}));
  return Statement{line, std::move(block)};
}

Result<Statement> Parser::parse_generation(int line) {
  CallBlock block{};
  LINNET_TRY(block.macro.body, parse_function_body({"endgeneration"}));
  return Statement{line, std::move(block)};
}

Result<Statement> Parser::parse_with(int line) {
  With node;
  while (stream_.current().kind != TokenKind::kBlockEnd) {
    if (!node.assignments.empty()) LINNET_CHECK(stream_.expect_operator(","));
    LINNET_TRY(Target target, parse_target(NamespaceTargets::kRefused));
    LINNET_CHECK(stream_.expect_operator("="));
    LINNET_TRY(ExpressionPointer value, expressions_.parse());
    node.assignments.emplace_back(std::move(target), std::move(value));
  }
  LINNET_TRY(node.body, parse_body({"endwith"}));
  return Statement{line, std::move(node)};
}

Result<Statement> Parser::parse_print(int line) {
  Output output;
  while (stream_.current().kind != TokenKind::kBlockEnd) {
    if (!output.parts.empty()) LINNET_CHECK(stream_.expect_operator(","));
    LINNET_TRY(ExpressionPointer value, expressions_.parse());
    output.parts.push_back(std::move(value));
  }
  return Statement{line, std::move(output)};
}

Result<Statement> Parser::parse_loop_control(bool is_break, int line) const {
  if (loops_ == 0) {
    return fail_at(line, ErrorKind::kMalformed,
                   std::string(is_break ? "'break'" : "'continue'") + " outside of a loop");
  }
  if (is_break) return Statement{line, Break{}};
  return Statement{line, Continue{}};
}

}  // namespace

Result<ParsedTemplate> parse_template(std::string_view text, const Limits& limits) {
  LINNET_TRY(std::vector<Token> tokens, tokenize(text, limits));
  Parser parser(std::move(tokens), limits);
  LINNET_TRY(Block body, parser.parse_all());
  return ParsedTemplate{std::move(body), {}, {}};
}

}  // namespace linnet::templates
