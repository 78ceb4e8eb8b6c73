#include "runtime/text/template/template.h"

#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/text/template/json_read.h"

namespace linnet::templates {
namespace {

using ::testing::HasSubstr;

Result<std::string> render(std::string_view text, std::string_view context = "{}", const Limits& limits = {}) {
  LINNET_TRY(const Template parsed, Template::parse(text, limits));
  LINNET_TRY(const Value value, parse_json(context));
  return parsed.render(value, {CivilTime{2025, 7, 26, 14, 5, 9, 0}});
}

void expect_error(std::string_view text, ErrorKind kind, std::string_view part, const Limits& limits = {}) {
  SCOPED_TRACE(text);
  const auto result = render(text, R"({"nums": [1, 2, 3]})", limits);
  ASSERT_FALSE(result.has_value()) << *result;
  EXPECT_EQ(result.error().kind, kind) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(part));
}

TEST(TemplateTest, RendersManyTimesAndFromSeveralThreads) {
  const auto parsed = Template::parse("{% for m in messages %}{{ loop.index }}{{ m }}{% endfor %}");
  ASSERT_TRUE(parsed.has_value());
  const Value context = *parse_json(R"({"messages": ["a", "b"]})");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 50; ++repeat) EXPECT_EQ(parsed->render(context).value_or("failed"), "1a2b");
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(TemplateTest, ErrorsNameTheLineAndTheConstruct) {
  expect_error("a\n\n{% include 'x' %}", ErrorKind::kUnsupported, "line 3: the tag 'include' is not supported");
  expect_error("a\n{% nonsense %}", ErrorKind::kMalformed, "line 2: unknown tag 'nonsense'");
  expect_error("{{ 1 | nonsense }}", ErrorKind::kMalformed, "line 1: no filter named 'nonsense'");
  expect_error("\n{{ 1 is nonsense }}", ErrorKind::kMalformed, "line 2: no test named 'nonsense'");
  expect_error("{{ nums | groupby('x') }}", ErrorKind::kUnsupported, "line 1: filter 'groupby' is not supported");
  expect_error("{% if true %}\n{{ 1 +", ErrorKind::kMalformed, "line 2: expected an expression, got end of template");
  expect_error("{% for x in nums %}", ErrorKind::kMalformed, "'for' is not closed");
  expect_error("x\n{{ nums[0].a.b }}", ErrorKind::kMalformed, "line 2: 'int object' has no attribute 'a'");
  expect_error("x\n{{ missing.b }}", ErrorKind::kMalformed, "line 2: 'missing' is undefined");
  expect_error("{% macro m() %}\n{{ 1 / 0 }}{% endmacro %}\n{{ m() }}", ErrorKind::kMalformed,
               "line 2: division by zero");
  expect_error("\n\n{{ raise_exception('no system role') }}", ErrorKind::kUsage, "line 3: no system role");
}

TEST(TemplateTest, RefusesWhatOnlyPythonCanPrint) {
  expect_error("{{ 99999999999999999999 }}", ErrorKind::kUnsupported, "64 bits");
  expect_error("{{ 9223372036854775807 + 1 }}", ErrorKind::kUnsupported, "64 bits");
  expect_error("{{ 2 ** 64 }}", ErrorKind::kUnsupported, "64 bits");
  expect_error("{{ 'a'.upper }}", ErrorKind::kUnsupported, "cannot be printed");
  expect_error("{{ nums | map('string') }}", ErrorKind::kUnsupported, "a generator cannot be printed");
  expect_error("{{ 'a'.encode() }}", ErrorKind::kUnsupported, "'encode' of str");
  expect_error("{{ '\\N{BULLET}' }}", ErrorKind::kUnsupported, "named character");
  expect_error("{{ '\\ud83d' }}", ErrorKind::kUnsupported, "surrogate");
  expect_error("{{ lipsum() }}", ErrorKind::kUnsupported, "lipsum");
  expect_error("{{ (-8) ** 0.5 }}", ErrorKind::kUnsupported, "complex");
}

TEST(TemplateTest, HasNoWayOut) {
  for (const char* text :
       {"{{ ''.__class__.__mro__ }}", "{{ cycler.__init__.__globals__ }}", "{{ ''['__class__']['__base__'] }}",
        "{{ nums.__class__() }}", "{{ '{0.__class__.x}'.format(nums) }}", "{{ raise_exception.__globals__.os }}",
        "{{ nums.append(4) }}", "{{ self.__init__.x }}"}) {
    const auto result = render(text, R"({"nums": [1]})");
    EXPECT_FALSE(result.has_value()) << text << ": " << *result;
  }
}

TEST(TemplateTest, LimitsEndTheWork) {
  const ErrorKind kind = ErrorKind::kUnsupported;
  Limits few_steps;
  few_steps.steps = 10'000;
  expect_error("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", kind, "steps",
               few_steps);
  expect_error("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", kind, "nesting of calls");
  expect_error("{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
               kind, "a string is beyond");
  expect_error("{{ 'a' * 1000000000000 }}", kind, "a string is beyond");
  expect_error("{{ 'a' * 9223372036854775807 }}", kind, "a string is beyond");
  expect_error("{{ [1, 2] * 9223372036854775807 }}", kind, "a list is beyond");
  expect_error("{{ [1] * 100000000 }}", kind, "a list is beyond");
  // Whose lower 32 bits are small: nothing on 64-bit machines, a trap on others.
  expect_error("{{ 'a' * 4294967297 }}", kind, "a string is beyond");
  expect_error("{{ [1] * 4294967297 }}", kind, "a list is beyond");
  expect_error("{{ 'a'.rjust(4294967298) }}", kind, "a string is beyond");
  expect_error("{{ 'a'.zfill(4294967298) }}", kind, "a string is beyond");
  expect_error("{{ [1] | slice(4294967297) | list }}", kind, "a list is beyond");
  expect_error("{{ [1] | batch(4294967297, 0) | list }}", kind, "a list is beyond");
  expect_error("{{ [1] | tojson(indent=4294967297) }}", kind, "a string is beyond");
  expect_error("{{ range(4294967297) | list }}", ErrorKind::kMalformed, "range too big");
  expect_error("{{ '%1000000000d' % 1 }}", kind, "a string is beyond");
  expect_error("{{ '%.1000000000f' % 1 }}", kind, "beyond");
  expect_error("{{ '{:1000000000}'.format(1) }}", kind, "a string is beyond");
  expect_error("{{ 'a'.ljust(1000000000000) }}", kind, "a string is beyond");
  expect_error("{{ 'a'.zfill(1000000000000) }}", kind, "a string is beyond");
  expect_error("{{ 'a' | center(1000000000000) }}", kind, "a string is beyond");
  expect_error("{{ 'a' | indent(1000000000000) }}", kind, "a string is beyond");
  expect_error("{{ [1] | tojson(indent=1000000000000) }}", kind, "a string is beyond");
  expect_error("{{ ('a' * 100000).replace('', 'b' * 1000) }}", kind, "a string is beyond");
  expect_error("{{ [1] | batch(1000000000000, 0) | list }}", kind, "a list is beyond");
  expect_error("{{ [1] | slice(1000000000000) | list }}", kind, "a list is beyond");
  expect_error("{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %}", kind,
               "nesting of a list");
  expect_error(
      "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
      kind, "a list with all that it holds");
  expect_error("{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", kind, "nesting of calls");
  expect_error(
      "{% set ns = namespace(x=nums) %}{% for i in range(5000) %}{% set ns.x = ns.x | map('string') %}{% endfor %}{{ "
      "ns.x | list }}",
      kind, "nesting of calls");
  Limits small_output;
  small_output.output_bytes = 1000;
  expect_error("{% for i in range(1000) %}abcdef{% endfor %}", kind, "the output is beyond", small_output);
  Limits small_memory;
  small_memory.memory_bytes = 100'000;
  expect_error(
      "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% set ns.x = ns.x + ['abcdefghij' ~ i] %}{% endfor %}",
      kind, "memory", small_memory);
}

TEST(TemplateTest, LimitsEndTheParsing) {
  const ErrorKind kind = ErrorKind::kUnsupported;
  const auto repeated = [](std::string_view part, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += part;
    return text;
  };
  expect_error("{{ " + repeated("(", 1000) + "1" + repeated(")", 1000) + " }}", kind, "brackets nest deeper");
  expect_error("{{ " + repeated("[", 1000) + repeated("]", 1000) + " }}", kind, "brackets nest deeper");
  expect_error("{{ " + repeated("not ", 1000) + "1 }}", kind, "brackets nest deeper");
  expect_error("{{ " + repeated("- ", 1000) + "1 }}", kind, "brackets nest deeper");
  expect_error("{{ 1" + repeated(" if 1 else 1", 1000) + " }}", kind, "brackets nest deeper");
  expect_error("{{ 1" + repeated(" + 1", 1000) + " }}", kind, "an expression is deeper");
  expect_error("{{ a" + repeated(".a", 1000) + " }}", kind, "an expression is deeper");
  expect_error("{{ a" + repeated(" | trim", 1000) + " }}", kind, "an expression is deeper");
  expect_error(repeated("{% if 1 %}", 1000), kind, "blocks nest deeper");
  Limits small;
  small.template_bytes = 10;
  expect_error("0123456789a", kind, "beyond the limit of 10", small);
  expect_error("\xff", ErrorKind::kMalformed, "not UTF-8");
}

TEST(TemplateTest, MemoryOfDeadValuesComesBack) {
  Limits limits;
  limits.memory_bytes = std::size_t{1} << 20;
  const auto result = render(
      "{% set ns = namespace(x='') %}{% for i in range(2000) %}{% set ns.x = 'a' * 1000 %}{% endfor %}{{ ns.x | length "
      "}}",
      "{}", limits);
  EXPECT_EQ(result.value_or("failed"), "1000");
}

TEST(TemplateTest, TheContextMustBeADictionary) {
  const auto parsed = Template::parse("x");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_FALSE(parsed->render(Value::list({})).has_value());
  Value deep = Value::none();
  for (int i = 0; i < 200; ++i) deep = Value::list({deep});
  Dict context;
  context.set("deep", deep);
  EXPECT_FALSE(parsed->render(Value::dict(context)).has_value());
}

TEST(TemplateTest, BytesThatAreNotUtf8PassThrough) {
  Dict context;
  context.set("x", Value::string("a\xff\xe2\x82z"));
  const auto parsed = Template::parse("{{ x }}|{{ x[::-1] }}|{{ x | upper }}|{{ x | length }}|{{ x[1] }}");
  EXPECT_EQ(parsed->render(Value::dict(context)).value_or("failed"),
            "a\xff\xe2\x82z|z\x82\xe2\xff"
            "a|A\xff\xe2\x82Z|5|\xff");
}

}  // namespace
}  // namespace linnet::templates
