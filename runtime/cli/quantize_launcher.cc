// `linnet quantize` as the small program has it: hands over to linnet-quantize, which lies beside it.
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/cli/commands.h"

namespace linnet::cli {
namespace {

constexpr const char* kProgram = "linnet-quantize";

// The path of the program beside this one.
Result<std::string> program_beside() {
  std::string path(PATH_MAX, '\0');
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) return fail(ErrorKind::kIo, std::string("/proc/self/exe: ") + std::strerror(errno));
  path.resize(static_cast<std::size_t>(length));
  return path.substr(0, path.rfind('/') + 1) + kProgram;
}

}  // namespace

Result<void> execute(const QuantizeOptions& options, Console& /*console*/) {
  LINNET_TRY(const std::string program, program_beside());
  std::vector<std::string> words = options.arguments;
  std::vector<char*> values;
  values.reserve(words.size() + 1);
  for (std::string& word : words) values.push_back(word.data());
  values.push_back(nullptr);
  execv(program.c_str(), values.data());
  return fail(ErrorKind::kAbsent, program + ": " + std::strerror(errno) +
                                      "; the quantiser is a program of its own: install it beside linnet");
}

}  // namespace linnet::cli
