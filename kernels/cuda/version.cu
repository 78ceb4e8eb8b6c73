// The version that the module says it is, for whoever loads it.
#include "kernels/cuda/device.h"
#include "kernels/cuda/launch.h"

extern "C" {
__device__ unsigned linnet_cuda_version = linnet::kernels::cuda::kVersion;
}
