#include "runtime/cli/open_model.h"

#include <optional>

#include "runtime/cli/bus_error.h"
#include "runtime/cli/progress.h"

namespace linnet::cli {
namespace {

class PackingBar final : public language::PreparationWatcher {
 public:
  explicit PackingBar(const Console& console) : console_(console) {}

  void note(const std::string& line) override { console_.note("linnet: " + line); }

  bool packing(std::uint64_t done, std::uint64_t all) override {
    if (!bar_) bar_.emplace(console_, "packing");
    bar_->update(done, all);
    return !console_.stop_requested();
  }

 private:
  const Console& console_;
  std::optional<ProgressBar> bar_;
};

}  // namespace

Result<ModelFile> open_as_it_is(const std::string& path) {
  name_mapped_file(path);
  return language::open_as_it_is(path);
}

Result<ModelFile> open_model(const ModelOptions& options, const Machine& machine, const Console& console) {
  name_mapped_file(options.path);
  PackingBar bar(console);
  return language::open_model(options, machine, bar);
}

}  // namespace linnet::cli
