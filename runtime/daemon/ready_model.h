// A model that is ready to answer: its file, its text parts, its engine, and lanes for answers at the same time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/daemon/config.h"
#include "runtime/daemon/request.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/shared_steps.h"
#include "runtime/language/language_model.h"
#include "runtime/language/machine.h"
#include "runtime/language/model_file.h"
#include "runtime/language/preparation.h"
#include "runtime/text/grammar/grammar.h"
#include "runtime/text/stream_decoder.h"

namespace linnet::daemon {

// Which bytes a path named at one moment.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  timespec changed{};

  [[nodiscard]] static std::optional<FileIdentity> of(const std::string& path);
  [[nodiscard]] bool same_file(const FileIdentity& other) const {
    return device == other.device && inode == other.inode;
  }
  [[nodiscard]] bool same_content(const FileIdentity& other) const {
    return size == other.size && changed.tv_sec == other.changed.tv_sec && changed.tv_nsec == other.changed.tv_nsec;
  }
};

// What one answer at a time uses.
struct Lane {
  explicit Lane(const text::Tokenizer& tokenizer) : decoder(tokenizer) {}

  text::StreamDecoder decoder;
  std::unique_ptr<language::ForcedForm> form;  // Of models without one of their own: made when it is first asked for.
  std::optional<text::Grammar> schema;         // That was asked for last.
  std::string schema_text;                     // As it was written.
};

// How the daemon opens models.
struct HostOptions {
  std::size_t threads = 0;
  std::optional<Bytes> memory_budget;
  std::size_t at_once = 1;    // Answers at the same time: contexts of the KV cache.
  std::size_t may_pause = 0;  // Answers that may be paused beside them: lanes and sequences more, in the same pages.
  engine::DeviceChoice device = engine::DeviceChoice::kCpu;
  kernels::CacheFormat cache_format = kernels::CacheFormat::kF16;
  engine::MemoryOptions memory = {};
};

// Who is told while a model is opened.
struct OpeningWatchers {
  language::PreparationWatcher& preparation;
  engine::LoadWatcher* load = nullptr;
};

// One thread at a time.
class ReadyModel {
 public:
  // Errors, with the path: those of language::open_model, LanguageText::load and Engine::open.
  [[nodiscard]] static Result<std::unique_ptr<ReadyModel>> open(const std::string& name, const ModelConfig& config,
                                                                const HostOptions& options,
                                                                const language::Machine& machine,
                                                                OpeningWatchers watchers);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] engine::Engine& engine() { return *engine_; }
  [[nodiscard]] const language::LanguageText& text() const { return text_; }
  [[nodiscard]] language::TextEncoder& encoder() { return *encoder_; }
  [[nodiscard]] engine::SharedSteps& steps() { return *steps_; }
  [[nodiscard]] std::size_t at_once() const { return engine_->options().max_outputs; }
  [[nodiscard]] std::size_t lanes() const { return lanes_.size(); }
  [[nodiscard]] Lane& lane(std::size_t index) { return *lanes_[index]; }

  // Whether the model's file asks for a form.
  [[nodiscard]] bool has_own_form() const { return has_own_form_; }
  // The lane's form, held to what its model asks for, to a JSON object, to a schema's grammar (the one before on this
  // lane goes). All of their memory is in the plan. Errors: those of compile_schema.
  [[nodiscard]] language::ForcedForm* own_form(Lane& lane);
  [[nodiscard]] language::ForcedForm* json_form(Lane& lane);
  [[nodiscard]] Result<language::ForcedForm*> schema_form(Lane& lane, const std::string& grammar);

  // Whether the mapped bytes are still those that were opened: nothing was cut off or written over. Errors: kIo.
  [[nodiscard]] Result<void> check_file() const;
  // Whether the path names another file by now (a new version was put in its place): what runs may end on the old one.
  [[nodiscard]] bool replaced() const;

 private:
  ReadyModel(std::string name, language::ModelFile file) : name_(std::move(name)), file_(std::move(file)) {}
  Result<void> make_lanes(std::size_t count);
  [[nodiscard]] Bytes text_memory(std::size_t lanes) const;
  [[nodiscard]] language::ForcedForm* form_of(Lane& lane, const text::Grammar* grammar);

  std::string name_;
  language::ModelFile file_;
  language::LanguageText text_;
  std::unique_ptr<language::TextEncoder> encoder_;
  bool has_own_form_ = false;
  std::optional<text::Grammar> json_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::optional<engine::Engine> engine_;
  std::optional<engine::SharedSteps> steps_;
  std::optional<FileIdentity> identity_;  // Of what is mapped.
  std::optional<FileIdentity> named_;     // Of what the configuration names.
  std::uint64_t faults_at_open_ = 0;
};

}  // namespace linnet::daemon
