// NumPy's .npy format, version 1.0, for float32 matrices.
#pragma once

#include <cstddef>
#include <string>

namespace linnet::cli {

// The bytes before the data of a [rows, columns] little-endian float32 array in C order (numpy.lib.format): magic,
// version, and a dictionary padded so that the data starts at a multiple of 64.
[[nodiscard]] std::string npy_header(std::size_t rows, std::size_t columns);

}  // namespace linnet::cli
