#include "runtime/linnet.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "runtime/language/language_model.h"
#include "runtime/language/machine.h"
#include "runtime/language/open_engine.h"

using namespace linnet;            // NOLINT(google-build-using-namespace): the C names below live outside it.
using namespace linnet::language;  // NOLINT(google-build-using-namespace)

// A model and what reads and writes its text. One generation at a time; parts borrow those before them.
struct linnet_model {
  ModelFile file;
  LanguageText text;
  TextEncoder encoder;
  engine::Engine engine;
  std::mutex turn;                        // Held while the engine works.
  std::atomic<std::thread::id> holder{};  // Who has it: a callback must not wait for its own generation.
  std::atomic<std::size_t> sessions{0};

  linnet_model(ModelFile opened, LanguageText loaded, TextEncoder encoding, engine::Engine ready)
      : file(std::move(opened)), text(std::move(loaded)), encoder(std::move(encoding)), engine(std::move(ready)) {}
};

struct linnet_session {
  linnet_model* model;
  std::vector<Message> messages;
  std::atomic<bool> generating{false};
  std::atomic<bool> cancel{false};
};

namespace {

thread_local std::string last_error;

linnet_status failed(linnet_status status, std::string message) {
  last_error = std::move(message);
  return status;
}

linnet_status usage(const char* message) { return failed(LINNET_USAGE, message); }

linnet_status failed(const Error& error) {
  if (error.kind == ErrorKind::kBusy) return failed(LINNET_BUSY, error.message);
  return failed(static_cast<linnet_status>(exit_code(error.kind)), error.message);
}

// Runs what may throw; nothing that it throws may reach a C caller.
template <class Function>
linnet_status guarded(Function function) {
  try {
    const Result<void> result = function();
    return result ? LINNET_OK : failed(result.error());
  } catch (const std::bad_alloc&) {
    return failed(LINNET_TOO_LARGE, "out of memory");
  } catch (const std::exception& error) {
    return failed(LINNET_IO, std::string("unexpected failure: ") + error.what());
  }
}

// What the caller's version of a structure has of it over `defaults`; its size is 0 where it was not set.
template <class Options>
Options read_options(const Options* given, Options defaults) {
  if (given != nullptr) std::memcpy(&defaults, given, std::min(given->size, sizeof(Options)));
  return defaults;
}

template <class Report>
void write_report(Report* report, const Report& values) {
  if (report == nullptr) return;
  const std::size_t size = report->size;
  std::memcpy(report, &values, std::min(size, sizeof(Report)));
  report->size = size;
}

template <class Structure>
bool has_size(const Structure* structure) {
  return structure == nullptr || structure->size >= sizeof(std::size_t);
}

// The turn of this thread with a model, or nothing where it has it already: it calls from its own callback.
class Turn {
 public:
  explicit Turn(linnet_model& model) : model_(model), own_(model.holder != std::this_thread::get_id()) {
    if (!own_) return;
    model_.turn.lock();
    model_.holder = std::this_thread::get_id();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (!own_) return;
    model_.holder = std::thread::id();
    model_.turn.unlock();
  }
  explicit operator bool() const { return own_; }

 private:
  linnet_model& model_;
  bool own_;
};

linnet_status from_callback() { return failed(LINNET_BUSY, "called from the callback of a generation of this model"); }

Result<ModelFile> open_ready(const std::string& path) {
  LINNET_TRY(ModelFile file, open_as_it_is(path));
  LINNET_TRY(const bool plain, needs_packing(file));
  if (plain) return fail(ErrorKind::kUnsupported, path + ": not packed; make a packed copy with linnet pack");
  return file;
}

Result<void> open_model(const char* path, const linnet_open_options& options, linnet_model** model) {
  LINNET_TRY(const Machine machine, inspect_machine());
  LINNET_TRY(ModelFile file, open_ready(path));
  LINNET_TRY(LanguageText text, LanguageText::load(file, {}));
  TextEncoder encoder(*text.tokenizer);
  engine::EngineOptions wanted;
  wanted.context = options.context;
  wanted.threads = options.threads;
  wanted.memory_budget = options.memory_budget != 0 ? Bytes{options.memory_budget} : machine.available_memory;
  wanted.available_memory = machine.available_memory;
  wanted.files = file.pages();
  wanted.cpu = machine.cpu;
  wanted.forced = machine.forced;
  wanted.text_memory = encoder.memory() + text.memory();
  auto engine = engine::Engine::open(*file.header, wanted);
  if (!engine) return tl::unexpected(with_context(path, engine.error()));
  *model = new linnet_model(std::move(file), std::move(text), std::move(encoder), std::move(*engine));
  return {};
}

engine::GenerationOptions generation_options(const linnet_generate_options& options, const std::atomic<bool>& cancel) {
  engine::GenerationOptions result;
  result.max_tokens = options.maximum_tokens;
  result.cancel = &cancel;
  result.sampling.temperature = options.temperature;
  result.sampling.top_k = options.top_k;
  result.sampling.top_p = options.top_p;
  result.sampling.min_p = options.min_p;
  result.sampling.repetition_penalty = options.repeat_penalty;
  result.sampling.seed = options.seed;
  return result;
}

linnet_finish finish_of(engine::FinishReason reason) {
  switch (reason) {
    case engine::FinishReason::kNone: return LINNET_FINISH_NONE;
    case engine::FinishReason::kStop: return LINNET_FINISH_STOP;
    case engine::FinishReason::kLength: return LINNET_FINISH_LENGTH;
    case engine::FinishReason::kCancelled: return LINNET_FINISH_CANCELLED;
  }
  return LINNET_FINISH_NONE;
}

linnet_answer report_of(const Answer& answer) {
  const auto& timings = answer.timings;
  return {sizeof(linnet_answer),      finish_of(answer.finish),         timings.prompt_tokens,
          answer.tokens.size(),       timings.first_token_milliseconds, timings.prefill_milliseconds,
          timings.decode_milliseconds};
}

// Gives the form back when a raw generation, which goes without, has ended.
class WithoutForm {
 public:
  WithoutForm(LanguageText& text, bool raw) : text_(text) {
    if (raw) form_ = std::move(text_.form);
  }
  WithoutForm(const WithoutForm&) = delete;
  WithoutForm& operator=(const WithoutForm&) = delete;
  ~WithoutForm() {
    if (form_) text_.form = std::move(form_);
  }

 private:
  LanguageText& text_;
  std::unique_ptr<ForcedForm> form_;
};

Result<language::Prompt> prompt_of(linnet_model& model, const std::vector<Message>& messages, bool raw) {
  if (!raw) return model.text.prompt(model.encoder, messages);
  LINNET_TRY(const auto ids,
             model.encoder.encode(messages.back().content, {.add_special = true, .parse_special = true}));
  return language::Prompt{std::vector<text::TokenId>(ids.begin(), ids.end())};
}

Result<Answer> answer_to(linnet_session& session, const std::vector<Message>& messages,
                         const linnet_generate_options& options, linnet_on_text on_text, void* user) {
  linnet_model& model = *session.model;
  const WithoutForm form(model.text, options.raw != 0);
  LINNET_TRY(const auto prompt, prompt_of(model, messages, options.raw != 0));
  const Question question{prompt.ids,
                          messages.back().content,
                          {.split = options.raw == 0, .inside = prompt.opens_reasoning},
                          generation_options(options, session.cancel)};
  // The caller is given the answer; what a reasoning model thinks before it stays here.
  const auto deliver = [&](text::AnswerPart part, std::string_view piece) -> Result<void> {
    if (part == text::AnswerPart::kText && on_text != nullptr && on_text(piece.data(), piece.size(), user) != 0)
      session.cancel = true;
    return {};
  };
  return generate(model.engine, model.text, question, deliver);
}

// The conversation grows by question and answer, or not at all.
Result<void> converse(linnet_session& session, const char* prompt, const linnet_generate_options& options,
                      linnet_on_text on_text, void* user, linnet_answer* report) {
  std::vector<Message> messages = session.messages;
  messages.emplace_back("user", prompt);
  LINNET_TRY(Answer answer, answer_to(session, messages, options, on_text, user));
  write_report(report, report_of(answer));
  if (options.raw != 0 || answer.finish == engine::FinishReason::kCancelled) return {};
  messages.emplace_back("assistant", std::move(answer.text), std::move(answer.reasoning));
  session.messages = std::move(messages);
  return {};
}

}  // namespace

const char* linnet_version(void) { return LINNET_VERSION; }

const char* linnet_error(void) { return last_error.c_str(); }

linnet_status linnet_open(const char* path, const linnet_open_options* options, linnet_model** model) {
  if (model == nullptr) return usage("linnet_open: model is null");
  *model = nullptr;
  if (path == nullptr) return usage("linnet_open: path is null");
  if (!has_size(options)) return usage("linnet_open: options have no size; use LINNET_OPEN_DEFAULTS");
  return guarded([&] { return open_model(path, read_options(options, LINNET_OPEN_DEFAULTS), model); });
}

linnet_status linnet_close(linnet_model* model) {
  if (model == nullptr) return LINNET_OK;
  if (model->sessions != 0) return failed(LINNET_BUSY, "linnet_close: the model has open sessions");
  delete model;
  return LINNET_OK;
}

linnet_status linnet_session_open(linnet_model* model, linnet_session** session) {
  if (session == nullptr) return usage("linnet_session_open: session is null");
  *session = nullptr;
  if (model == nullptr) return usage("linnet_session_open: model is null");
  return guarded([&]() -> Result<void> {
    *session = new linnet_session{.model = model, .messages = {}};
    ++model->sessions;
    return {};
  });
}

linnet_status linnet_session_reset(linnet_session* session, const char* system) {
  if (session == nullptr) return usage("linnet_session_reset: session is null");
  const Turn turn(*session->model);
  if (!turn) return from_callback();
  return guarded([&]() -> Result<void> {
    std::vector<Message> messages;
    if (system != nullptr) messages.emplace_back("system", system);
    session->messages = std::move(messages);
    return {};
  });
}

linnet_status linnet_session_close(linnet_session* session) {
  if (session == nullptr) return LINNET_OK;
  if (session->generating) return failed(LINNET_BUSY, "linnet_session_close: the session is generating");
  --session->model->sessions;
  delete session;
  return LINNET_OK;
}

linnet_status linnet_generate(linnet_session* session, const char* prompt, const linnet_generate_options* options,
                              linnet_on_text on_text, void* user, linnet_answer* answer) {
  if (session == nullptr) return usage("linnet_generate: session is null");
  if (prompt == nullptr) return usage("linnet_generate: prompt is null");
  if (!has_size(options)) return usage("linnet_generate: options have no size; use LINNET_GENERATE_DEFAULTS");
  if (!has_size(answer)) return usage("linnet_generate: answer has no size; use LINNET_ANSWER_INIT");
  const Turn turn(*session->model);
  if (!turn) return from_callback();
  session->cancel = false;
  session->generating = true;
  const linnet_status status = guarded([&] {
    return converse(*session, prompt, read_options(options, LINNET_GENERATE_DEFAULTS), on_text, user, answer);
  });
  session->generating = false;
  return status;
}

void linnet_cancel(linnet_session* session) {
  if (session != nullptr) session->cancel = true;
}

linnet_status linnet_read_metrics(linnet_model* model, linnet_metrics* metrics) {
  if (model == nullptr || metrics == nullptr) return usage("linnet_read_metrics: null pointer");
  if (!has_size(metrics)) return usage("linnet_read_metrics: metrics have no size; use LINNET_METRICS_INIT");
  const Turn turn(*model);
  if (!turn) return from_callback();
  const auto counted = model->engine.metrics();
  const auto& plan = model->engine.plan();
  write_report(metrics, {sizeof(linnet_metrics), counted.steps, counted.rows, counted.milliseconds,
                         plan.total(engine::MemoryKind::kAnonymous).count,
                         plan.total(engine::MemoryKind::kMapped).count, plan.context, model->sessions});
  return LINNET_OK;
}
