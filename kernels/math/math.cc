#include "kernels/math/math.h"

#include <numbers>

namespace linnet::kernels::math {
namespace {

// Added and taken away again, it rounds a double below 2^51 to an integer (to even).
constexpr double kRound = 0x1.8p52;

// A quarter turn as the sum of three doubles: 160 bits of pi / 2.
constexpr double kQuarterTurn[] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};

// ln 2 as the sum of two doubles, the first with 33 bits so that its product with an exponent is exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

// An angle as whole quarter turns and a rest of at most an eighth.
struct Reduced {
  std::int64_t quarters;
  double rest;
};

Reduced reduce(double angle) {
  const double n = (angle * (2.0 * std::numbers::inv_pi) + kRound) - kRound;
  double rest = angle;
  for (const double part : kQuarterTurn) rest = std::fma(-n, part, rest);
  return {static_cast<std::int64_t>(n), rest};
}

// Taylor's series on |x| <= pi / 4: the first term left out is below 1e-17 of the result.
double sin_of_rest(double x) {
  const double square = x * x;
  double series = 0.0;
  for (int n = 16; n >= 2; n -= 2) {
    series = (1.0 + series) * (-square / (n * (n + 1.0)));
  }
  return std::fma(x, series, x);
}

double cos_of_rest(double x) {
  const double square = x * x;
  double series = 0.0;
  for (int n = 17; n >= 3; n -= 2) {
    series = (1.0 + series) * (-square / (n * (n + 1.0)));
  }
  return 1.0 + std::fma(-0.5 * square, series, -0.5 * square);
}

// The sine of `quarters` quarter turns plus `rest`.
double sin_of(std::int64_t quarters, double rest) {
  const double magnitude = (quarters & 1) != 0 ? cos_of_rest(rest) : sin_of_rest(rest);
  return (quarters & 2) != 0 ? -magnitude : magnitude;
}

// ln x as exponent * ln 2 + 2 artanh(s), s = (m - 1) / (m + 1), |s| <= 0.172.
double logarithm(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < std::numbers::sqrt2 / 2.0) {
    mantissa *= 2.0;
    --exponent;
  }
  const double s = (mantissa - 1.0) / (mantissa + 1.0);
  const double square = s * s;
  double series = 0.0;
  for (int n = 23; n >= 3; n -= 2) series = series * square + 1.0 / n;
  const double fraction = 2.0 * s + 2.0 * s * square * series;
  const double turns = exponent;
  return turns * kLn2High + (turns * kLn2Low + fraction);
}

double exponential(double x) {
  const double n = (x * std::numbers::log2e + kRound) - kRound;
  const double rest = std::fma(-n, kLn2Low, std::fma(-n, kLn2High, x));
  double series = 1.0;
  for (int k = 14; k >= 1; --k) series = 1.0 + series * rest / k;
  return std::ldexp(series, static_cast<int>(n));
}

}  // namespace

double sin(double angle) {
  const Reduced reduced = reduce(angle);
  return sin_of(reduced.quarters, reduced.rest);
}

double cos(double angle) {
  const Reduced reduced = reduce(angle);
  return sin_of(reduced.quarters + 1, reduced.rest);
}

float softplus(float x) {
  if (!(x <= 20.0F)) return x;
  const double e = exponential(x > -100.0F ? static_cast<double>(x) : -100.0);
  return static_cast<float>(e < 1e-8 ? e : logarithm(1.0 + e));  // ln(1 + e) = e to 5e-9 of it.
}

double power(double base, double exponent) { return exponential(exponent * logarithm(base)); }

}  // namespace linnet::kernels::math
