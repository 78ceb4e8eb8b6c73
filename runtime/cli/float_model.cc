#include "runtime/cli/float_model.h"

#include <sys/stat.h>

#include <utility>

#include "models/gguf/atomic_file.h"
#include "runtime/cli/hugging_face/convert.h"
#include "runtime/cli/hugging_face/model_folder.h"
#include "runtime/cli/progress.h"

namespace linnet::cli {
namespace {

bool is_folder(const std::string& path) {
  struct stat about {};
  return stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

}  // namespace

Result<ModelFile> open_float_model(const std::string& path, const std::string& output, const Console& console) {
  if (!is_folder(path)) return open_source_beside(path, output, console);
  LINNET_TRY(const auto folder, hugging_face::open_folder(path));
  LINNET_TRY(auto converted, gguf::AtomicFile::create(output));
  {
    ProgressBar bar(console, "converting");
    LINNET_CHECK(hugging_face::convert(folder, converted, [&](std::uint64_t done, std::uint64_t all) {
      bar.update(done, all);
      return !console.stop_requested();
    }));
  }
  LINNET_TRY(MappedFile mapped, converted.map());
  return language::open_unnamed(path, std::move(mapped));
}

}  // namespace linnet::cli
