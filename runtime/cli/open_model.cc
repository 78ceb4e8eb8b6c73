#include "runtime/cli/open_model.h"

#include <optional>

#include "runtime/cli/bus_error.h"
#include "runtime/cli/progress.h"
#include "runtime/language/compressed.h"

namespace linnet::cli {
namespace {

class PreparationBar final : public language::PreparationWatcher {
 public:
  explicit PreparationBar(const Console& console) : console_(console) {}

  void note(const std::string& line) override { console_.note("linnet: " + line); }

  bool unpacking(std::uint64_t done, std::uint64_t all) override { return show(unpacking_, "unpacking", done, all); }
  bool packing(std::uint64_t done, std::uint64_t all) override { return show(packing_, "packing", done, all); }

 private:
  bool show(std::optional<ProgressBar>& bar, const char* label, std::uint64_t done, std::uint64_t all) {
    if (!bar) bar.emplace(console_, label);
    bar->update(done, all);
    return !console_.stop_requested();
  }

  const Console& console_;
  std::optional<ProgressBar> unpacking_;
  std::optional<ProgressBar> packing_;
};

class LoadBar final : public engine::LoadWatcher {
 public:
  explicit LoadBar(const Console& console) : console_(console), bar_(console, "loading") {}

  bool loading(std::uint64_t done, std::uint64_t all) override {
    bar_.update(done, all);
    return !console_.stop_requested();
  }

 private:
  const Console& console_;
  ProgressBar bar_;
};

}  // namespace

Result<ModelFile> open_source(const std::string& path, const Console& console) {
  name_mapped_file(path);
  PreparationBar bar(console);
  return language::open_source(path, {}, bar);
}

Result<ModelFile> open_source_beside(const std::string& path, const std::string& output, const Console& console) {
  if (!language::is_compressed(path)) return open_source(path, console);
  name_mapped_file(path);
  PreparationBar bar(console);
  LINNET_TRY(auto file, gguf::AtomicFile::create(output));
  return language::decompress_to_disk(path, file, bar);
}

Result<ModelFile> open_model(const ModelOptions& options, const Machine& machine, const Console& console) {
  name_mapped_file(options.path);
  PreparationBar bar(console);
  return language::open_model(options, machine, bar);
}

Result<engine::Engine> open_engine(const ModelFile& file, const ModelOptions& options, const Machine& machine,
                                   EngineNeeds needs, const Console& console) {
  LoadBar bar(console);
  needs.watcher = &bar;
  LINNET_TRY(engine::Engine engine, language::open_engine(file, options, machine, needs));
  for (const std::string& line : engine.notes()) console.note("linnet: " + line);
  return engine;
}

}  // namespace linnet::cli
