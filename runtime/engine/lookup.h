// Which row of a table a row of the step looks up.
#pragma once

#include <cstddef>

#include "models/program.h"
#include "runtime/engine/batch.h"

namespace linnet::engine {

[[nodiscard]] inline std::size_t looked_up_row(const models::Embed& op, const BatchRow& row) {
  switch (op.by) {
    case models::Lookup::kToken: return static_cast<std::size_t>(row.token);
    case models::Lookup::kPosition: return row.position;
    case models::Lookup::kFirst: break;
  }
  return 0;
}

}  // namespace linnet::engine
