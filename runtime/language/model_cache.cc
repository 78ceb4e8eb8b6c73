#include "runtime/language/model_cache.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <string_view>

#include "models/pack/blake2b.h"

namespace linnet::language {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDigestBytes = 10;  // 80 bits: two models of one user will not meet.

// The first bytes of BLAKE2b-256 in hexadecimal.
std::string digest(const std::string& text) {
  pack::Blake2b hasher;
  hasher.update(std::as_bytes(std::span(text)));
  std::string hexadecimal;
  const pack::Digest whole = hasher.finish();
  for (const std::byte byte : std::span(whole).first<kDigestBytes>()) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hexadecimal += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    hexadecimal += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return hexadecimal;
}

Result<std::string> cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  // The specification: a relative path counts as none.
  if (cache != nullptr && cache[0] == '/') return std::string(cache) + "/linnet";
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] != '/') {
    return fail(ErrorKind::kAbsent, "no cache directory: neither XDG_CACHE_HOME nor HOME is set");
  }
  return std::string(home) + "/.cache/linnet";
}

ErrorKind kind_of(int error) {
  if (error == ENOSPC || error == EDQUOT) return ErrorKind::kExhausted;
  return error == EACCES || error == EPERM || error == EROFS ? ErrorKind::kDenied : ErrorKind::kIo;
}

}  // namespace

Result<CachePlace> cache_place(const std::string& model, const std::string& layout) {
  CachePlace place;
  LINNET_TRY(place.folder, cache_folder());
  std::error_code error;
  const fs::path real = fs::canonical(model, error);
  const std::string state = error ? "" : file_state(real.string());
  if (state.empty()) return fail(ErrorKind::kAbsent, model + ": cannot be found");
  place.family = real.stem().string().substr(0, 100) + "-" + digest(real.string()) + "-";
  place.path = place.folder + "/" + place.family + digest(state + "." + layout) + ".gguf";
  return place;
}

std::string file_state(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {};
  return std::to_string(status.st_size) + "." + std::to_string(status.st_mtim.tv_sec) + "." +
         std::to_string(status.st_mtim.tv_nsec);
}

Result<void> make_cache_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(fs::path(folder).parent_path(), error);
  if (!error && mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) error.assign(errno, std::generic_category());
  if (error) return fail(kind_of(error.value()), folder + ": " + error.message());
  return {};
}

void drop_stale_copies(const CachePlace& place) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(place.folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(place.family, 0) == 0 && entry.path() != place.path) fs::remove(entry.path(), error);
  }
}

}  // namespace linnet::language
