#include "runtime/daemon/ready_model.h"

#include <sys/stat.h>

#include <utility>

#include "runtime/daemon/bus_guard.h"
#include "runtime/language/open_engine.h"

namespace linnet::daemon {
namespace {

// RFC 8259, with at most one space or a line's indentation between parts: a model that is free to write white space
// may write it for ever.
constexpr std::string_view kJsonObject = R"(
root ::= object
object ::= "{" gap (member ("," gap member)*)? "}"
member ::= string ":" gap value gap
array ::= "[" gap (value gap ("," gap value gap)*)? "]"
value ::= object | array | string | number | "true" | "false" | "null"
string ::= "\"" ([^"\\\x00-\x1f] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\""
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?
gap ::= (" " | "\n" [ ]{0,16})?
)";

}  // namespace

std::optional<FileIdentity> FileIdentity::of(const std::string& path) {
  struct stat status {};
  if (path.empty() || stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino, status.st_size, status.st_mtim};
}

Result<std::unique_ptr<ReadyModel>> ReadyModel::open(const std::string& name, const ModelConfig& config,
                                                     const HostOptions& options, const language::Machine& machine,
                                                     OpeningWatchers watchers) {
  const std::uint64_t faults = bus_faults();
  const auto named = FileIdentity::of(config.path);
  language::ModelOptions how;
  how.path = config.path;
  if (config.context != 0) how.context = config.context;
  how.threads = options.threads;
  how.memory_budget = options.memory_budget;
  how.device = options.device;
  how.cache_format = options.cache_format;
  how.memory = options.memory;
  LINNET_TRY(auto file, language::open_model(how, machine, watchers.preparation));
  std::unique_ptr<ReadyModel> model(new ReadyModel(name, std::move(file)));
  model->faults_at_open_ = faults;
  model->named_ = named;
  model->identity_ = FileIdentity::of(model->file_.mapped_path);
  LINNET_TRY(model->text_, language::LanguageText::load(model->file_, {}));
  model->encoder_ = std::make_unique<language::TextEncoder>(*model->text_.tokenizer);
  model->has_own_form_ = model->text_.form != nullptr;
  LINNET_TRY(model->json_, text::Grammar::compile(kJsonObject));
  const std::size_t lanes = options.at_once + options.may_pause;
  const Bytes text_memory = model->text_memory(lanes);
  LINNET_CHECK(model->make_lanes(lanes));  // Takes the form.
  const language::EngineNeeds needs{.max_sequences = lanes,
                                    .full_sequences = options.at_once,
                                    .max_outputs = options.at_once,
                                    .text_memory = text_memory,
                                    .watcher = watchers.load};
  LINNET_TRY(model->engine_, language::open_engine(model->file_, how, machine, needs));
  for (const std::string& line : model->engine_->notes()) watchers.preparation.note("model " + name + ": " + line);
  model->steps_.emplace(*model->engine_);
  LINNET_CHECK(model->check_file());
  return model;
}

Result<void> ReadyModel::make_lanes(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    auto lane = std::make_unique<Lane>(*text_.tokenizer);
    if (i == 0) lane->form = std::move(text_.form);
    if (i != 0 && has_own_form_) {
      LINNET_TRY(lane->form, language::ForcedForm::load(*file_.header, *text_.tokenizer));
    }
    lanes_.push_back(std::move(lane));
  }
  return {};
}

// The tokenizer's tables where they are not mapped, the encoder's room, and for each answer a form and a schema.
Bytes ReadyModel::text_memory(std::size_t lanes) const {
  const RequestLimits limits;
  const Bytes form = has_own_form_ ? text_.form->memory() : language::ForcedForm::bare_memory(*text_.tokenizer);
  const std::size_t schema = limits.grammar_bytes + limits.grammar_text;
  return {text_.tokenizer->memory_bytes() + encoder_->memory().count + json_->bytes() + lanes * (form.count + schema)};
}

language::ForcedForm* ReadyModel::form_of(Lane& lane, const text::Grammar* grammar) {
  if (!lane.form) lane.form = language::ForcedForm::bare(*text_.tokenizer);
  lane.form->hold_to(grammar);
  return lane.form.get();
}

language::ForcedForm* ReadyModel::own_form(Lane& lane) { return form_of(lane, nullptr); }

language::ForcedForm* ReadyModel::json_form(Lane& lane) { return form_of(lane, &*json_); }

Result<language::ForcedForm*> ReadyModel::schema_form(Lane& lane, const std::string& grammar) {
  if (!lane.schema || lane.schema_text != grammar) {
    lane.schema.reset();
    LINNET_TRY(lane.schema, compile_schema(grammar));
    lane.schema_text = grammar;
  }
  return form_of(lane, &*lane.schema);
}

Result<void> ReadyModel::check_file() const {
  bool sound = bus_faults() == faults_at_open_;
  const auto now = FileIdentity::of(file_.mapped_path);
  // Another file under the path leaves the mapping alone; the same file with other bytes does not.
  if (identity_ && now && now->same_file(*identity_)) sound = sound && now->same_content(*identity_);
  if (sound) return {};
  return fail(ErrorKind::kIo, file_.path + ": the model file was cut or written over while it was in use");
}

bool ReadyModel::replaced() const {
  const auto now = FileIdentity::of(file_.path);
  return named_ && now && !(now->same_file(*named_) && now->same_content(*named_));
}

}  // namespace linnet::daemon
