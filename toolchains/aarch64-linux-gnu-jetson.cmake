# NVIDIA Jetson with JetPack 6 or 7, against the board's own root file system (an unpacked Linux_for_Tegra/rootfs, with the -dev
# packages of toolchains/make-sysroot.sh installed in it):
#
#   cmake --preset aarch64 --toolchain toolchains/aarch64-linux-gnu-jetson.cmake -DLINNET_SYSROOT=DIR
#
# Its glibc must not be older than 2.34 (JetPack 5 has 2.31). LINNET_CUDA_FOLDER tells the CUDA folder of the sysroot; nothing uses it yet.
include(${CMAKE_CURRENT_LIST_DIR}/aarch64-linux-gnu.cmake)

file(GLOB cuda_folders LIST_DIRECTORIES true ${CMAKE_SYSROOT}/usr/local/cuda-1*)
list(SORT cuda_folders COMPARE NATURAL ORDER DESCENDING)
if(cuda_folders)
  list(GET cuda_folders 0 newest_cuda)
  set(LINNET_CUDA_FOLDER ${newest_cuda} CACHE PATH "CUDA in the sysroot")
endif()
