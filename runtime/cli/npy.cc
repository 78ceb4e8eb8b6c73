#include "runtime/cli/npy.h"

namespace linnet::cli {

std::string npy_header(std::size_t rows, std::size_t columns) {
  constexpr std::size_t kPrefix = 10;  // "\x93NUMPY", two bytes of version, two of length.
  constexpr std::size_t kAlignment = 64;
  std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                           std::to_string(columns) + "), }";
  dictionary.append(kAlignment - 1 - (kPrefix + dictionary.size()) % kAlignment, ' ');
  dictionary += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dictionary.size() & 0xFF);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

}  // namespace linnet::cli
