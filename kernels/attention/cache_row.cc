#include "kernels/attention/cache_row.h"

#include <algorithm>
#include <cmath>

namespace linnet::kernels {

void store_q8_row(const float* in, std::size_t width, std::uint16_t* row) {
  float largest = 0;
  for (std::size_t i = 0; i < width; ++i) largest = std::max(largest, std::fabs(in[i]));
  const float inverse = 127.0F / largest;
  const bool is_zero = !std::isfinite(inverse);
  auto* const values = reinterpret_cast<std::int8_t*>(row);
  const std::size_t padded = (width + 3) / 4 * 4;
  for (std::size_t i = 0; i < width; ++i) {
    values[i] = is_zero ? std::int8_t{0} : static_cast<std::int8_t>(std::lrint(in[i] * inverse));
  }
  std::fill(values + width, values + padded, std::int8_t{0});
  const float scale = is_zero ? 0 : largest / 127.0F;
  std::memcpy(values + padded, &scale, sizeof scale);
}

}  // namespace linnet::kernels
