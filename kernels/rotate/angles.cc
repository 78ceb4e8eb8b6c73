#include "kernels/math/math.h"
#include "kernels/rotate/rotate.h"

namespace linnet::kernels {

void fill_frequencies(double base, std::size_t pairs, const float* factors, double* frequencies) {
  for (std::size_t i = 0; i < pairs; ++i) {
    frequencies[i] = math::power(base, -static_cast<double>(i) / static_cast<double>(pairs));
    if (factors != nullptr) frequencies[i] /= static_cast<double>(factors[i]);
  }
}

void fill_rotation(std::size_t position, const double* frequencies, std::size_t pairs, float* cosines, float* sines) {
  for (std::size_t i = 0; i < pairs; ++i) {
    const double angle = static_cast<double>(position) * frequencies[i];
    cosines[i] = static_cast<float>(math::cos(angle));
    sines[i] = static_cast<float>(math::sin(angle));
  }
}

}  // namespace linnet::kernels
