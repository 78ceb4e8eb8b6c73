// `linnet chat`: a conversation on the terminal.
#include "runtime/cli/answer_output.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/interrupt.h"
#include "runtime/cli/open_model.h"

namespace linnet::cli {
namespace {

// What stays the same for the whole conversation.
struct Conversation {
  const ChatOptions& options;
  const LanguageText& text;
  engine::Engine& engine;
  TextEncoder encoder;
  std::vector<Message> history;
};

void forget(Conversation& conversation) {
  conversation.history.clear();
  if (conversation.options.system) conversation.history.emplace_back("system", *conversation.options.system);
}

// Answers the last message of the history and appends the answer to it.
Result<void> answer(Conversation& conversation, Console& console) {
  const ReasoningOptions& reasoning = conversation.options.reasoning;
  LINNET_TRY(const Prompt prompt,
             conversation.text.prompt(conversation.encoder, conversation.history, thinking_of(reasoning)));
  Question question{prompt.ids, conversation.history.back().content, reasoning_plan(reasoning, prompt), {}};
  question.options.sampling = conversation.options.sampling;
  question.options.max_tokens = conversation.options.maximum_tokens;
  question.options.cancel = &console.stop();
  AnswerOutput output(console, reasoning.reasoning);
  LINNET_TRY(Answer given,
             generate(conversation.engine, conversation.text, question,
                      [&](text::AnswerPart part, std::string_view piece) { return output.push(part, piece); }));
  output.finish();
  LINNET_CHECK(console.print("\n"));
  if (given.finish == engine::FinishReason::kLength)
    console.note("linnet: the answer was cut off: -n or the context is full");
  // The template says what becomes of the thoughts: most show them to no later turn.
  conversation.history.emplace_back("assistant", std::move(given.text), std::move(given.reasoning));
  return {};
}

// One line of the person's. Errors that only concern this turn are said, and the conversation goes on.
Result<void> take_turn(Conversation& conversation, std::string line, Console& console) {
  const std::size_t before = conversation.history.size();
  conversation.history.emplace_back("user", std::move(line));
  auto result = answer(conversation, console);
  forget_interrupts();
  if (result) return {};
  conversation.history.erase(conversation.history.begin() + static_cast<std::ptrdiff_t>(before),
                             conversation.history.end());
  if (console.reader_gone() || result.error().kind != ErrorKind::kExhausted) return result;
  console.note("linnet: " + result.error().message + "; /reset forgets the conversation");
  return {};
}

Result<void> converse(Conversation& conversation, Console& console) {
  for (;;) {
    if (console.input_is_terminal()) console.draw("> ");
    LINNET_TRY(auto line, console.read_line());
    if (!line || *line == "/exit") return {};
    if (*line == "/reset") {
      forget(conversation);
    } else if (!line->empty()) {
      LINNET_CHECK(take_turn(conversation, std::move(*line), console));
    }
  }
}

}  // namespace

Result<void> execute(const ChatOptions& options, Console& console) {
  LINNET_TRY(const Machine machine, inspect_machine());
  LINNET_TRY(const ModelFile file, open_model(options.model, machine, console));
  LINNET_TRY(const LanguageText text, LanguageText::load(file, {.built_in_template = options.template_name}));
  if (!text.chat_template) {
    return fail(ErrorKind::kUnsupported, file.path + ": has no chat template; linnet run --raw completes text with it");
  }
  LINNET_TRY(auto engine, open_engine(file, options.model, machine, {.text_memory = text.memory()}, console));
  if (console.input_is_terminal()) console.note("Type /exit to leave, /reset to start again; Ctrl-C stops an answer.");
  Conversation conversation{options, text, engine, TextEncoder(*text.tokenizer), {}};
  forget(conversation);
  return converse(conversation, console);
}

}  // namespace linnet::cli
