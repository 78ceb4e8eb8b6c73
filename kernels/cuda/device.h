// The device's instructions under names of our own: the same kernel compiles with nvcc, with clang alone, and serially
// on the host (serial.h).
//
// PTX is written out so that clang needs no file of the CUDA toolkit. What an older architecture lacks is composed here
// of what it has, with the same operands in the same registers.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(LINNET_CUDA_SERIAL)
#  include "kernels/cuda/serial.h"
#else

#  if defined(__clang__)
#    define __global__ __attribute__((global))
#    define __device__ __attribute__((device))
#    define __shared__ __attribute__((shared))
#    define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#  endif
#  define LINNET_DEVICE __device__ __forceinline__
#  if defined(__clang__)
#    define __forceinline__ inline __attribute__((always_inline))
#  endif

#  define LINNET_UNROLL _Pragma("unroll")

// Shared memory whose size the launch gives.
#  define LINNET_DYNAMIC_SHARED(name) extern __shared__ __attribute__((aligned(256))) std::byte name[]
#  define LINNET_KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
// A bound on registers too: so many blocks at a time on a multiprocessor.
#  define LINNET_KERNEL_BLOCKS(threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks)

namespace linnet::kernels::cuda {

// 16 bytes, loaded at once.
struct alignas(16) Words4 {
  std::uint32_t word[4];
};
struct alignas(8) Words2 {
  std::uint32_t word[2];
};

LINNET_DEVICE std::uint32_t thread_index() {
  std::uint32_t x;
  asm("mov.u32 %0, %%tid.x;" : "=r"(x));
  return x;
}
LINNET_DEVICE std::uint32_t block_x() {
  std::uint32_t x;
  asm("mov.u32 %0, %%ctaid.x;" : "=r"(x));
  return x;
}
LINNET_DEVICE std::uint32_t block_y() {
  std::uint32_t x;
  asm("mov.u32 %0, %%ctaid.y;" : "=r"(x));
  return x;
}
LINNET_DEVICE std::uint32_t block_z() {
  std::uint32_t x;
  asm("mov.u32 %0, %%ctaid.z;" : "=r"(x));
  return x;
}

LINNET_DEVICE std::uint32_t block_threads() {
  std::uint32_t x;
  asm("mov.u32 %0, %%ntid.x;" : "=r"(x));
  return x;
}

// Every thread of the block arrives before any goes on.
LINNET_DEVICE void synchronise() {
#  if defined(__clang__)
  asm volatile("bar.sync 0;" ::: "memory");
#  else
  __syncthreads();
#  endif
}

// Every lane of the warp arrives before any goes on.
LINNET_DEVICE void synchronise_warp() { asm volatile("bar.warp.sync -1;" ::: "memory"); }

// The other lane's number; all 32 lanes take part.
LINNET_DEVICE std::uint32_t shuffle_xor(std::uint32_t value, std::uint32_t mask) {
  std::uint32_t other;
  asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 31, -1;" : "=r"(other) : "r"(value), "r"(mask));
  return other;
}
LINNET_DEVICE float float_of(std::uint32_t bits) {
  float x;
  asm("mov.b32 %0, %1;" : "=f"(x) : "r"(bits));
  return x;
}
LINNET_DEVICE std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  asm("mov.b32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}

LINNET_DEVICE float fused(float a, float b, float c) {
  float x;
  asm("fma.rn.f32 %0, %1, %2, %3;" : "=f"(x) : "f"(a), "f"(b), "f"(c));
  return x;
}
LINNET_DEVICE double fused(double a, double b, double c) {
  double x;
  asm("fma.rn.f64 %0, %1, %2, %3;" : "=d"(x) : "d"(a), "d"(b), "d"(c));
  return x;
}
// A product that no compiler joins with a sum.
LINNET_DEVICE float product(float a, float b) {
  float x;
  asm("mul.rn.f32 %0, %1, %2;" : "=f"(x) : "f"(a), "f"(b));
  return x;
}
LINNET_DEVICE float square_root(float a) {
  float x;
  asm("sqrt.rn.f32 %0, %1;" : "=f"(x) : "f"(a));
  return x;
}
// 2^a within 2 ulp.
LINNET_DEVICE float power_of_two(float a) {
  float x;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(x) : "f"(a));
  return x;
}

LINNET_DEVICE float half_to_float(std::uint16_t bits) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
}
// To nearest, ties to even.
LINNET_DEVICE std::uint16_t float_to_half(float x) {
  std::uint16_t bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
}

// c + the dot product of four signed bytes.
LINNET_DEVICE std::int32_t dot4(std::uint32_t a, std::uint32_t b, std::int32_t c) {
  std::int32_t x;
  asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(x) : "r"(a), "r"(b), "r"(c));
  return x;
}
// Bytes of {a, b} by the four nibbles of `selector`.
LINNET_DEVICE std::uint32_t permute(std::uint32_t a, std::uint32_t b, std::uint32_t selector) {
  std::uint32_t x;
  asm("prmt.b32 %0, %1, %2, %3;" : "=r"(x) : "r"(a), "r"(b), "r"(selector));
  return x;
}

// Pairs of f16.
LINNET_DEVICE std::uint32_t add_halves(std::uint32_t a, std::uint32_t b) {
  std::uint32_t x;
  asm("add.rn.f16x2 %0, %1, %2;" : "=r"(x) : "r"(a), "r"(b));
  return x;
}
LINNET_DEVICE std::uint32_t fused_halves(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  std::uint32_t x;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(x) : "r"(a), "r"(b), "r"(c));
  return x;
}

// Weights: read once, so not kept in the first cache.
LINNET_DEVICE Words4 load_streaming(const std::byte* from) {
  Words4 x;
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(x.word[0]), "=r"(x.word[1]), "=r"(x.word[2]), "=r"(x.word[3])
      : "l"(from));
  return x;
}
LINNET_DEVICE Words2 load_streaming2(const std::byte* from) {
  Words2 x;
  asm("ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];" : "=r"(x.word[0]), "=r"(x.word[1]) : "l"(from));
  return x;
}

// Of shared memory: half as wide as a pointer.
using SharedAddress = std::uint32_t;
LINNET_DEVICE SharedAddress shared_address(const void* pointer) {
  std::uint32_t address;
  asm("{ .reg .u64 wide; cvta.to.shared.u64 wide, %1; cvt.u32.u64 %0, wide; }" : "=r"(address) : "l"(pointer));
  return address;
}

LINNET_DEVICE void store_shared(SharedAddress to, const Words4& x) {
  asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(x.word[0]), "r"(x.word[1]), "r"(x.word[2]),
               "r"(x.word[3])
               : "memory");
}
LINNET_DEVICE void store_shared(SharedAddress to, const Words2& x) {
  asm volatile("st.shared.v2.u32 [%0], {%1, %2};" ::"r"(to), "r"(x.word[0]), "r"(x.word[1]) : "memory");
}

LINNET_DEVICE void store_shared(SharedAddress to, std::uint32_t x) {
  asm volatile("st.shared.u32 [%0], %1;" ::"r"(to), "r"(x) : "memory");
}
LINNET_DEVICE Words2 load_shared2(SharedAddress from) {
  Words2 x;
  asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(x.word[0]), "=r"(x.word[1]) : "r"(from) : "memory");
  return x;
}

// 16 bytes from global to shared memory behind the thread's back, or 16 zero bytes; see wait_for_copies.
LINNET_DEVICE void copy_async(SharedAddress to, const std::byte* from, bool zero) {
#  if __CUDA_ARCH__ >= 800
  const std::uint32_t size = zero ? 0 : 16;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(size) : "memory");
#  else
  store_shared(to, zero ? Words4{} : *reinterpret_cast<const Words4*>(from));
#  endif
}
// Ends a group of copies; wait_for_copies leaves at most `kGroups` of them under way.
LINNET_DEVICE void close_copies() {
#  if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#  endif
}
template <int kGroups>
LINNET_DEVICE void wait_for_copies() {
#  if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroups) : "memory");
#  endif
}

// Four 8 x 8 matrices of f16: lane 8 i + j gives the address of row j of matrix i; lane l gets numbers 2 (l % 4) and
// the next of row l / 4.
LINNET_DEVICE Words4 load_matrices(SharedAddress row) {
  Words4 x;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x.word[0]), "=r"(x.word[1]), "=r"(x.word[2]), "=r"(x.word[3])
               : "r"(row)
               : "memory");
  return x;
}
// The same, each matrix transposed.
LINNET_DEVICE Words4 load_transposed(SharedAddress row) {
  Words4 x;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x.word[0]), "=r"(x.word[1]), "=r"(x.word[2]), "=r"(x.word[3])
               : "r"(row)
               : "memory");
  return x;
}

// sum (16 x 8, f32) += a (16 x 16, f16) * b (16 x 8, f16), spread over the lanes as PTX's mma.m16n8k16 says.
LINNET_DEVICE void multiply_add(float (&sum)[4], const Words4& a, std::uint32_t b0, std::uint32_t b1) {
#  if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a.word[0]), "r"(a.word[1]), "r"(a.word[2]), "r"(a.word[3]), "r"(b0), "r"(b1));
#  else
  const auto half = [&](std::uint32_t first, std::uint32_t second, std::uint32_t b) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(first), "r"(second), "r"(b));
  };
  half(a.word[0], a.word[1], b0);
  half(a.word[2], a.word[3], b1);
#  endif
}

// out (16 x 8) = start + a (16 x 16, signed bytes) * b (16 x 8, signed bytes), spread over the lanes as PTX's
// mma.m16n8k16 says.
LINNET_DEVICE void multiply_bytes(std::int32_t (&out)[4], std::uint32_t a0, std::uint32_t a1, std::uint32_t b,
                                  std::int32_t start) {
#  if __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %7, %7, %7};"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(a0), "r"(a1), "r"(b), "r"(start));
#  else
  const auto half = [&](std::int32_t& first, std::int32_t& second, std::uint32_t a) {
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0, %1}, {%2}, {%3}, {%4, %4};"
                 : "=r"(first), "=r"(second)
                 : "r"(a), "r"(b), "r"(start));
  };
  half(out[0], out[1], a0);
  half(out[2], out[3], a1);
#  endif
}
// The same of 32 columns: PTX's mma.m16n8k32.
LINNET_DEVICE void multiply_bytes(std::int32_t (&out)[4], const Words4& a, std::uint32_t b0, std::uint32_t b1,
                                  std::int32_t start) {
#  if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %10, %10, "
      "%10};"
      : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
      : "r"(a.word[0]), "r"(a.word[1]), "r"(a.word[2]), "r"(a.word[3]), "r"(b0), "r"(b1), "r"(start));
#  else
  const auto half = [&](std::int32_t& first, std::int32_t& second, std::uint32_t low, std::uint32_t high) {
    asm volatile(
        "mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0, %1}, {%2}, {%4}, {%6, %6};\n\t"
        "mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0, %1}, {%3}, {%5}, {%0, %1};"
        : "=&r"(first), "=&r"(second)
        : "r"(low), "r"(high), "r"(b0), "r"(b1), "r"(start));
  };
  half(out[0], out[1], a.word[0], a.word[2]);
  half(out[2], out[3], a.word[1], a.word[3]);
#  endif
}

// Launched before its predecessor ends (programmatic dependent launch), a kernel reads nothing of that one's before
// this; otherwise it does nothing.
LINNET_DEVICE void wait_for_predecessor() {
#  if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#  endif
}
// From here on the next kernel may start where there is room.
LINNET_DEVICE void let_successor_start() {
#  if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#  endif
}

}  // namespace linnet::kernels::cuda

#endif

namespace linnet::kernels::cuda {

inline constexpr std::uint32_t kWarp = 32;

LINNET_DEVICE std::uint32_t lane_index() { return thread_index() % kWarp; }
LINNET_DEVICE std::uint32_t warp_index() { return thread_index() / kWarp; }

LINNET_DEVICE float shuffle_xor(float value, std::uint32_t mask) { return float_of(shuffle_xor(bits_of(value), mask)); }
LINNET_DEVICE std::int32_t shuffle_xor(std::int32_t value, std::uint32_t mask) {
  return static_cast<std::int32_t>(shuffle_xor(static_cast<std::uint32_t>(value), mask));
}

LINNET_DEVICE float larger(float a, float b) { return a > b ? a : b; }
LINNET_DEVICE std::uint32_t smaller(std::uint32_t a, std::uint32_t b) { return a < b ? a : b; }

// Over all lanes of the warp; every lane gets the same bits.
LINNET_DEVICE float warp_sum(float x) {
  for (std::uint32_t mask = kWarp / 2; mask != 0; mask /= 2) x += shuffle_xor(x, mask);
  return x;
}
LINNET_DEVICE float warp_maximum(float x) {
  for (std::uint32_t mask = kWarp / 2; mask != 0; mask /= 2) x = larger(x, shuffle_xor(x, mask));
  return x;
}

inline constexpr float kLog2E = 1.4426950408889634F;
LINNET_DEVICE float exponential(float x) { return power_of_two(x * kLog2E); }

// The upper half of a binary32 is a BF16.
LINNET_DEVICE float bf16_to_float(std::uint16_t bits) { return float_of(static_cast<std::uint32_t>(bits) << 16); }

LINNET_DEVICE std::uint32_t pair_of_halves(float low, float high) {
  return float_to_half(low) | static_cast<std::uint32_t>(float_to_half(high)) << 16;
}
// What these halves of two numbers leave of them.
LINNET_DEVICE std::uint32_t rest_of_halves(float low, float high, std::uint32_t halves) {
  return pair_of_halves(low - half_to_float(static_cast<std::uint16_t>(halves)),
                        high - half_to_float(static_cast<std::uint16_t>(halves >> 16)));
}

}  // namespace linnet::kernels::cuda
