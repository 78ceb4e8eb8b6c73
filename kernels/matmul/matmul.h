// Multiplies a quantised matrix in panels by int8 activations: nearly all of a model's time.
//
// Decoding reads every weight once a token, so memory bandwidth bounds `one_row`; a prompt's chunk reuses each weight
// for many rows, so the int8 multiply rate bounds `many_rows`. `matmul_scalar.cc` states the arithmetic (a block's dot
// product, or that of joined blocks, exact in int32, blocks ascending, one fma each); every other variant gives the
// same bits at every shape.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"
#include "kernels/quantize/quantize.h"
#include "kernels/variant.h"

namespace linnet::kernels {

// out[r * out_stride + 16 p + i] = dot(row i of panel p, activations r), for all 16 rows of every panel: padding rows
// give 0, so `out` has room for 16 * panel_count numbers a row and out_stride >= that.
//
//   panels  [panel_count, blocks]  panel blocks of 16 rows x 32 (or 64, 128, 256) columns, from pack_panels
//   in      [rows, columns]        rows >= 1; as many blocks under one scale as the format joins, or a multiple
//   out     [rows, out_stride]     overwritten; overlaps neither input
using MatMulFunction = void (*)(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
                                std::size_t out_stride);

// One variant's entry points: shapes of one arithmetic.
struct MatMul {
  MatMulFunction one_row;    // in.rows == 1.
  MatMulFunction many_rows;  // Any in.rows >= 1, tiled for 2 and more.

  [[nodiscard]] MatMulFunction for_rows(std::size_t rows) const { return rows == 1 ? one_row : many_rows; }
};

// The variants for one weight format with panels. Family name: "matmul".
[[nodiscard]] Variants<const MatMul*> matmul_variants(Format format);

// One variant's entry points for every format with panels.
struct MatMulSet {
  MatMul q8_0;
  MatMul q4_0;
  MatMul q4_1;
  MatMul q5_0;
  MatMul q5_1;
  MatMul iq4_nl;
  MatMul q4_k;
  MatMul q5_k;
  MatMul q6_k;
  MatMul q4_64;
  MatMul q4_128;
  MatMul q8_128;
};

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
extern const MatMulSet kMatMuls;
}
namespace avx2 {
extern const MatMulSet kMatMuls;
}
namespace avx_vnni {
extern const MatMulSet kMatMuls;
}
namespace avx512_vnni {
extern const MatMulSet kMatMuls;
}
namespace amx_int8 {
extern const MatMulSet kMatMuls;
}
namespace avx512vl_vnni {  // The source of avx_vnni.
extern const MatMulSet kMatMuls;
}
namespace neon {
extern const MatMulSet kMatMuls;
}
namespace neon_dotprod {
extern const MatMulSet kMatMuls;
}
namespace neon_i8mm {
extern const MatMulSet kMatMuls;
}

}  // namespace linnet::kernels
