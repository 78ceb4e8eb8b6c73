# 32-bit ARM with hardware floating point. Baseline armv7-a; NEON is detected at run time.
set(CMAKE_SYSTEM_PROCESSOR armv7)
set(LINNET_TRIPLE arm-linux-gnueabihf)
set(LINNET_DEBIAN_ARCHITECTURE armhf)
set(LINNET_QEMU qemu-arm-static)
# The emulator puts a program's addresses at an offset into its own, and where a mapped file was cut it tells the program
# its own address (as of QEMU 7.2). With this offset the lower 32 bits of both are the same.
set(LINNET_QEMU_OPTIONS -B 0x1000000000)
# GCC 7 changed how some structs are passed and says so at every use; everything here is built with one compiler.
set(CMAKE_CXX_FLAGS_INIT "-Wno-psabi")
include(${CMAKE_CURRENT_LIST_DIR}/sysroot.cmake)
