# Shared by the cross toolchain files: Debian's cross gcc against an unpacked sysroot, tests under qemu-user.
#
# The including file sets LINNET_TRIPLE, LINNET_DEBIAN_ARCHITECTURE and LINNET_QEMU, and may set LINNET_QEMU_OPTIONS. The
# sysroot is the one that `toolchains/make-sysroot.sh` puts under build/; -DLINNET_SYSROOT=DIR takes another, such as a
# board vendor's.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${LINNET_TRIPLE}-gcc)
set(CMAKE_CXX_COMPILER ${LINNET_TRIPLE}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${LINNET_TRIPLE})

set(LINNET_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-${LINNET_DEBIAN_ARCHITECTURE} CACHE PATH "Target's root file system")
# CMake reads this file again in every compiler check, where the cache of the outer project is not seen.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LINNET_SYSROOT)
get_filename_component(CMAKE_SYSROOT ${LINNET_SYSROOT} ABSOLUTE)
if(NOT EXISTS ${CMAKE_SYSROOT}/usr/include)
  message(FATAL_ERROR "no sysroot at ${CMAKE_SYSROOT}: run toolchains/make-sysroot.sh ${LINNET_DEBIAN_ARCHITECTURE} build/sysroot-${LINNET_DEBIAN_ARCHITECTURE}")
endif()

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_SYSROOT}/usr/lib/${LINNET_TRIPLE}/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)
# Libraries that libraries need are found in the sysroot too.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${CMAKE_SYSROOT}/usr/lib/${LINNET_TRIPLE}/openblas-pthread")

# QEMU_CPU in the environment chooses the processor (cortex-a53: no dot products); the default has everything.
find_program(LINNET_QEMU_PROGRAM ${LINNET_QEMU} NO_CMAKE_FIND_ROOT_PATH)
if(LINNET_QEMU_PROGRAM)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${LINNET_QEMU_PROGRAM} ${LINNET_QEMU_OPTIONS} -L ${CMAKE_SYSROOT})
endif()
