// One function a subcommand, each in the file of its name; main chooses by the type of the options.
#pragma once

#include "runtime/base/result.h"
#include "runtime/cli/console.h"
#include "runtime/cli/options.h"

namespace linnet::cli {

[[nodiscard]] Result<void> execute(const ShowText& options, Console& console);
[[nodiscard]] Result<void> execute(const RunOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const ChatOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const TokenizeOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const TemplateOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const LogitsOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const EmbedOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const QuantizeOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const PackOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const UnpackOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const MakeModelOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const InfoOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const BenchOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const EvalOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const DoctorOptions& options, Console& console);
[[nodiscard]] Result<void> execute(const CtlOptions& options, Console& console);

}  // namespace linnet::cli
