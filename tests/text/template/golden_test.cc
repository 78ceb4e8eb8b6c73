// Templates render as Jinja2 rendered them: the goldens of tests/data/templates, made by make_goldens.py.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "runtime/text/template/json_read.h"
#include "runtime/text/template/template.h"
#include "tests/source_tree.h"
#include "tests/text/shared_data.h"

namespace linnet::templates {
namespace {

const std::filesystem::path kGoldens = test::source_tree() / "tests/data/templates";
constexpr CivilTime kNow{2025, 7, 26, 14, 5, 9, 250000};

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Value read_json(const char* name) {
  const auto value = parse_json(read_file(kGoldens / name));
  EXPECT_TRUE(value.has_value()) << name << ": " << (value ? "" : value.error().message);
  return value.value_or(Value());
}

Result<std::string> render(const std::string& text, const Value& context) {
  LINNET_TRY(const Template parsed, Template::parse(text));
  return parsed.render(context, {kNow});
}

// An error must stay one; the message of raise_exception must be kept word for word.
void expect_error(const Result<std::string>& result, const std::string& expected) {
  ASSERT_FALSE(result.has_value()) << "rendered: " << *result << "\nexpected error: " << expected;
  constexpr std::string_view kRaised = "raised: ";
  if (!expected.starts_with(kRaised)) return;
  EXPECT_EQ(result.error().kind, ErrorKind::kUsage);
  EXPECT_TRUE(result.error().message.ends_with(": " + expected.substr(kRaised.size()))) << result.error().message;
}

TEST(GoldenTest, SnippetsRenderAsJinja2RendersThem) {
  const Value context = read_json("context.json");
  const Value rows = read_json("snippets.json");
  ASSERT_GT(rows.items().size(), 400u);
  for (const Value& row : rows.items()) {
    const std::string& text = row.as_dict().find("template")->as_string();
    SCOPED_TRACE(text);
    const auto result = render(text, context);
    if (const Value* expected = row.as_dict().find("text")) {
      ASSERT_TRUE(result.has_value()) << result.error().message;
      EXPECT_EQ(*result, expected->as_string());
    } else {
      expect_error(result, row.as_dict().find("error")->as_string());
    }
  }
}

std::string size_and_hash(const std::string& text) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3;
  char buffer[48];
  std::snprintf(buffer, sizeof buffer, "%zu %016" PRIx64, text.size(), hash);
  return buffer;
}

TEST(GoldenTest, PublishedTemplatesRenderAsJinja2RendersThem) {
  const std::filesystem::path folder = text::shared_data() / "templates";
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << "THE PUBLISHED TEMPLATES WERE NOT TESTED: " << folder << " is absent";
  }
  const Value conversations = read_json("conversations.json");
  const Value chats = read_json("chats.json");
  for (const auto& [name, results] : chats.as_dict().entries()) {
    const std::string text = read_file(folder / name.as_string());
    for (const auto& [conversation, expected] : results.as_dict().entries()) {
      SCOPED_TRACE(name.as_string() + ", " + conversation.as_string());
      const auto result = render(text, *conversations.as_dict().find(conversation));
      constexpr std::string_view kError = "error: ";
      if (expected.as_string().starts_with(kError)) {
        expect_error(result, expected.as_string().substr(kError.size()));
      } else {
        ASSERT_TRUE(result.has_value()) << result.error().message;
        EXPECT_EQ(size_and_hash(*result), expected.as_string());
      }
    }
  }
}

}  // namespace
}  // namespace linnet::templates
