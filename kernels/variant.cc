#include "kernels/variant.h"

#include <string>

namespace linnet::kernels {
namespace {

// Cuts the text before the first comma off `list` and returns it.
std::string_view next_entry(std::string_view& list) {
  const auto comma = list.find(',');
  const std::string_view entry = list.substr(0, comma);
  list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  return entry;
}

}  // namespace

Result<ForcedVariants> ForcedVariants::parse(std::string_view text) {
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view entry = next_entry(rest);
    const auto equals = entry.find('=');
    if (equals == 0 || equals == std::string_view::npos || equals + 1 == entry.size()) {
      return fail(ErrorKind::kUsage, "LINNET_KERNEL: '" + std::string(entry) + "' is not family=variant");
    }
  }
  ForcedVariants forced;
  forced.text_ = text;
  return forced;
}

std::string_view ForcedVariants::variant_of(std::string_view family) const {
  for (std::string_view rest = text_; !rest.empty();) {
    const std::string_view entry = next_entry(rest);
    const auto equals = entry.find('=');
    if (entry.substr(0, equals) == family) return entry.substr(equals + 1);
  }
  return {};
}

tl::unexpected<Error> no_such_variant(std::string_view family, std::string_view variant) {
  return fail(ErrorKind::kUsage, "LINNET_KERNEL: the family '" + std::string(family) + "' has no variant '" +
                                     std::string(variant) + "' in this build");
}

tl::unexpected<Error> cpu_lacks_variant(std::string_view family, std::string_view variant) {
  return fail(ErrorKind::kUnsupported, "LINNET_KERNEL: this processor cannot run '" + std::string(variant) +
                                           "' of the family '" + std::string(family) + "'");
}

}  // namespace linnet::kernels
