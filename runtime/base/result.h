// What a fallible function returns: a value, or one line about what the world did wrong.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace linnet {

// Why something failed. Each kind maps to one process exit code (`exit_code`).
enum class ErrorKind {
  kAbsent,       // It is not there: a file, a key, a tensor.
  kBusy,         // It is there and taken: try again later.
  kDenied,       // Policy or permission says no.
  kUnsupported,  // Well-formed, but this build cannot do it.
  kMalformed,    // Input breaks its own format.
  kExhausted,    // Memory, disk or another budget is too small.
  kIo,           // The operating system or the network failed.
  kUsage,        // A request that makes no sense, from a person or a client.
  kInterrupted,  // Stopped on request.
  kDeviceLost,   // An accelerator failed while it computed; what it held is gone.
  kUnforeseen,   // Thrown by this program or a library, and no memory was short: a fault of theirs.
};

// One error: its kind and one complete line (what, where, what to do), without a newline.
struct Error {
  ErrorKind kind;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

// Makes the error branch of a Result: `return fail(ErrorKind::kIo, "…");`
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return tl::unexpected<Error>(Error{kind, std::move(message)});
}

// Puts `context` and a colon before the message: "model.gguf: header ends at byte 12".
[[nodiscard]] Error with_context(std::string_view context, Error error);

// The exit codes that scripts rely on: 2 usage, 3 bad model, 4 does not fit, 5 I/O, 6 refused, 130 interrupted.
[[nodiscard]] int exit_code(ErrorKind kind);

}  // namespace linnet

#define LINNET_CONCAT_INNER(a, b) a##b
#define LINNET_CONCAT(a, b) LINNET_CONCAT_INNER(a, b)

// NOLINTBEGIN(bugprone-macro-parentheses): `target` may be a declaration.

// Declares or assigns `target` from a Result, or returns its error: `LINNET_TRY(auto size, file_size(path));`
#define LINNET_TRY(target, expression) LINNET_TRY_NAMED(LINNET_CONCAT(result_, __LINE__), target, expression)
#define LINNET_TRY_NAMED(name, target, expression)                              \
  auto name = (expression);                                                     \
  if (!name) return ::tl::unexpected<::linnet::Error>(std::move(name).error()); \
  target = *std::move(name)

// Returns the error of a Result<void>, if it has one.
#define LINNET_CHECK(expression)                                                        \
  do {                                                                                  \
    auto result_ = (expression);                                                        \
    if (!result_) return ::tl::unexpected<::linnet::Error>(std::move(result_).error()); \
  } while (false)

// NOLINTEND(bugprone-macro-parentheses)
