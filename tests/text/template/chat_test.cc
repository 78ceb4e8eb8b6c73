#include "runtime/text/template/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/text/template/json_read.h"

namespace linnet::templates {
namespace {

using ::testing::HasSubstr;

ChatRequest request_of(std::string_view messages) {
  ChatRequest request;
  request.messages = parse_json(messages).value_or(Value());
  return request;
}

std::string built_in(std::string_view name, const ChatRequest& request) {
  const auto chat = ChatTemplate::built_in(name, {"<s>", "</s>"});
  if (!chat) return chat.error().message;
  return chat->render_chat(request).value_or("failed");
}

constexpr std::string_view kTurns = R"([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
  {"role": "assistant", "content": "<think>x</think>Yes."}, {"role": "user", "content": "And?"}])";

TEST(ChatTest, BuiltInTemplatesRenderTheirForms) {
  const ChatRequest request = request_of(kTurns);
  EXPECT_EQ(built_in("chatml", request),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n<think>x</"
            "think>Yes.<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(
      built_in("llama3", request),
      "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
      "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
      "<|start_header_id|>assistant<|end_header_id|>\n\n<think>x</think>Yes.<|eot_id|>"
      "<|start_header_id|>user<|end_header_id|>\n\nAnd?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(built_in("deepseek", request),
            "<s>Be brief.<｜User｜>Hi<｜Assistant｜>Yes.<｜end▁of▁sentence｜><｜User｜>And?<｜Assistant｜>");
  EXPECT_EQ(built_in("mistral", request),
            "<s>[INST] Be brief.\n\nHi [/INST] <think>x</think>Yes.</s>[INST] And? [/INST]");
}

TEST(ChatTest, AnUnknownBuiltInNamesTheOthers) {
  EXPECT_THAT(built_in("gpt", request_of(kTurns)), HasSubstr("chatml, llama3, deepseek, mistral"));
  EXPECT_EQ(built_in_template_names().size(), 4u);
}

TEST(ChatTest, PassesWhatTheReferencePasses) {
  const auto chat = ChatTemplate::parse(
      "{{ bos_token }}|{{ eos_token is defined }}|{{ tools is none }}|{{ documents is none }}|{{ add_generation_prompt "
      "}}|"
      "{{ enable_thinking is false }}|{{ strftime_now('%Y') }}|{{ messages[0].content }}",
      {"<s>", std::nullopt});
  ASSERT_TRUE(chat.has_value());
  ChatRequest request = request_of(kTurns);
  request.add_generation_prompt = false;
  request.extra.emplace_back("enable_thinking", Value::boolean(false));
  request.now = CivilTime{1999, 1, 1, 0, 0, 0, 0};
  EXPECT_EQ(chat->render_chat(request).value_or("failed"), "<s>|False|True|True|False|True|1999|Be brief.");
}

TEST(ChatTest, MessagesMustBeAListOfObjects) {
  const auto chat = ChatTemplate::built_in("chatml", {});
  for (const char* messages : {"{}", "5", "[5]", "[[]]"}) {
    const auto result = chat->render_chat(request_of(messages));
    ASSERT_FALSE(result.has_value()) << messages;
    EXPECT_EQ(result.error().kind, ErrorKind::kUsage);
  }
}

TEST(ChatTest, FindsTheReasoningMarkersOfATemplate) {
  EXPECT_FALSE(find_reasoning_markers("{{ messages }}").has_value());
  EXPECT_EQ(find_reasoning_markers("{{ content.split('</think>') }}<think>"),
            (ReasoningMarkers{"<think>", "</think>"}));
  EXPECT_EQ(find_reasoning_markers("[THINK]x[/THINK]"), (ReasoningMarkers{"[THINK]", "[/THINK]"}));
  EXPECT_EQ(find_reasoning_markers("{{ x.split('</think>')[-1] }}"), (ReasoningMarkers{"<think>", "</think>"}));
}

TEST(ChatTest, KnowsWhetherThePromptOpensReasoning) {
  const auto chat = ChatTemplate::parse("{% if false %}</think>{% endif %}<｜Assistant｜><think>\n", {});
  ASSERT_TRUE(chat.has_value());
  EXPECT_TRUE(chat->opens_reasoning(*chat->render_chat(request_of(kTurns))));
  EXPECT_FALSE(chat->opens_reasoning("<think>\n\n</think>\n\n"));
}

}  // namespace
}  // namespace linnet::templates
