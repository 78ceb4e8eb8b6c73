# Compiler settings that every target shares, as one interface library.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(LINNET_CCACHE ccache)
if(LINNET_CCACHE)
  # What ccache asks for before it keeps objects made with precompiled headers: no source here uses __TIME__, and each of those
  # headers is one of cmake/precompiled.cmake, whose text decides.
  set(launcher env CCACHE_SLOPPINESS=pch_defines,time_macros ${LINNET_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

add_library(linnet_flags INTERFACE)
target_compile_features(linnet_flags INTERFACE cxx_std_20)
target_include_directories(linnet_flags INTERFACE ${PROJECT_SOURCE_DIR})
if(CMAKE_SIZEOF_VOID_P EQUAL 4)  # Else a file with a large size or inode number cannot be opened, or its folder listed.
  target_compile_definitions(linnet_flags INTERFACE _FILE_OFFSET_BITS=64)
endif()
target_compile_options(linnet_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  # A compiler that fuses a * b + c by itself would break the bits that every board agrees on (ARCHITECTURE, canonical arithmetic).
  -ffp-contract=off
  "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-Xclang -fno-pch-timestamp>"  # Else ccache never finds a precompiled header again.
  $<$<BOOL:${LINNET_WERROR}>:-Werror>
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")

# What is shipped defends itself: overflows and uninitialised variables end in an abort or a zero, not in somebody's hands.
option(LINNET_HARDENED "Compile and link as packages are" OFF)
if(LINNET_HARDENED)
  target_compile_options(linnet_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS
    -Wformat -Werror=format-security)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    target_compile_options(linnet_flags INTERFACE -fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    target_compile_options(linnet_flags INTERFACE -mbranch-protection=standard)
  endif()
  target_link_options(linnet_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed)
endif()

# LINNET_SANITIZE is a list such as "address,undefined"; everything is built with it.
set(LINNET_SANITIZE "" CACHE STRING "Sanitizers for the whole build")
if(LINNET_SANITIZE)
  target_compile_options(linnet_flags INTERFACE -fsanitize=${LINNET_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(linnet_flags INTERFACE -fsanitize=${LINNET_SANITIZE})
endif()

# linnet_light(TARGET …): libraries that compute little, whose optimisation would take longer than all that sanitized tests do
# with them. Fuzzing wants speed.
if(LINNET_SANITIZE AND NOT LINNET_SANITIZE MATCHES "fuzzer")
  set(LINNET_UNOPTIMISED -O0)
endif()
function(linnet_light)
  foreach(target ${ARGN})
    target_compile_options(${target} PRIVATE ${LINNET_UNOPTIMISED})
    set_target_properties(${target} PROPERTIES LINNET_UNOPTIMISED "${LINNET_UNOPTIMISED}")
  endforeach()
endfunction()

# Clang's source coverage, for `make coverage`.
option(LINNET_COVERAGE "Instrument for llvm-cov" OFF)
if(LINNET_COVERAGE)
  target_compile_options(linnet_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(linnet_flags INTERFACE -fprofile-instr-generate)
endif()
