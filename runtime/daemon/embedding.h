// Texts to embeddings on a loaded encoder: the answer to `embed`.
#pragma once

#include <span>
#include <string>

#include "runtime/base/function_ref.h"
#include "runtime/base/result.h"
#include "runtime/daemon/ready_model.h"

namespace linnet::daemon {

// {"model", "dimensions", "tokens", "embeddings"} as JSON (docs/mqtt.md); nine digits a number, which read back as the
// same float. Asks `stopped` before each text. Errors: those of language::Embedder, kInterrupted.
[[nodiscard]] Result<std::string> embed(ReadyModel& model, std::span<const std::string> texts,
                                        FunctionRef<bool()> stopped);

}  // namespace linnet::daemon
