# 64-bit ARM: Raspberry Pi 3 to 5, Rockchip, Jetson. Baseline armv8-a; faster paths are chosen at run time.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(LINNET_TRIPLE aarch64-linux-gnu)
set(LINNET_DEBIAN_ARCHITECTURE arm64)
set(LINNET_QEMU qemu-aarch64-static)
include(${CMAKE_CURRENT_LIST_DIR}/sysroot.cmake)
