# How a test and a fuzz target are declared; the CMakeLists.txt files under tests/ only name them.

find_package(GTest REQUIRED)

# Debian's own interpreter, which has Debian's modules; another that stands earlier on the path may have none.
if(EXISTS /usr/bin/python3 AND NOT DEFINED Python3_EXECUTABLE)
  set(Python3_EXECUTABLE /usr/bin/python3)
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# Every test program with the label `threads`: all that a ThreadSanitizer tree needs to build.
add_custom_target(linnet_threads_tests)
# All that the preset armhf-quick runs: every test program but those of whole models, the daemon and the commands.
add_custom_target(linnet_quick_tests)
add_custom_target(linnet_fuzzers)  # And every fuzz target.

# How tests are compiled. Half of a build is their own code, which nobody waits for: GoogleTest's templates compile twice as
# fast with little optimisation, and sanitized ones once more without any.
set(LINNET_TEST_OPTIONS $<$<CONFIG:Release>:-Og> ${LINNET_UNOPTIMISED})
set(headers <gmock/gmock.h> <gtest/gtest.h>)
if(LINNET_PRECOMPILE)
  list(APPEND headers ${LINNET_STANDARD_HEADERS})
endif()
linnet_precompiled(linnet_test_headers HEADERS ${headers} OPTIONS -fPIE ${LINNET_TEST_OPTIONS} LIBRARIES GTest::gmock)

# The tests that take longest, natively, sanitized or emulated. They start first: none of them is then left running alone.
set(LINNET_LONG_TESTS system_network engine_determinism_test system_fleet governor_models_test quantize_test engine_test kernels_test
  system_memory cuda_kernels_descending_test text_test engine_formats_test system_budget system_thermal linnetd_test daemon_test)

# linnet_describe_test(NAME LABELS): labels (those given, and the folder under tests/, by which the emulated runs choose), a time
# limit, exit code 77 for "skipped", and in LINNET_EMULATOR the words to put before a program of the build (none when native).
function(linnet_describe_test name labels)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
  list(APPEND labels ${folder})
  list(JOIN CMAKE_CROSSCOMPILING_EMULATOR " " emulator)
  set(seconds 600)
  if(emulator)
    set(seconds 1800)  # An emulated processor is ten to twenty times slower.
    if(CMAKE_SIZEOF_VOID_P EQUAL 4)
      set(seconds 5400)  # And 32-bit ARM computes floats one by one.
    endif()
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${seconds} SKIP_RETURN_CODE 77
    ENVIRONMENT "LINNET_EMULATOR=${emulator}")
  list(FIND LINNET_LONG_TESTS ${name} place)
  if(NOT place EQUAL -1)
    math(EXPR cost "100 - ${place}")
    set_tests_properties(${name} PROPERTIES COST ${cost})
  endif()
endfunction()

# linnet_quick(TARGET): built for armhf-quick, unless its folder is one that the preset leaves out.
function(linnet_quick target)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
  if(NOT folder MATCHES "^(engine|daemon|cli)")
    add_dependencies(linnet_quick_tests ${target})
  endif()
endfunction()

# linnet_test(NAME [LABELS threads …] SOURCES a.cc … LIBRARIES …): one test program; labels choose it for the tsan run.
function(linnet_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  target_compile_options(${name} PRIVATE ${LINNET_TEST_OPTIONS})
  target_precompile_headers(${name} REUSE_FROM linnet_test_headers)
  # It says what the C library's headers are to declare before it includes the first.
  set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/engine/counting_allocator.cc PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  if("threads" IN_LIST ARG_LABELS)
    add_dependencies(linnet_threads_tests ${name})
  endif()
  linnet_quick(${name})
  add_test(NAME ${name} COMMAND ${name})
  linnet_describe_test(${name} "${ARG_LABELS}")
endfunction()

# linnet_computing_sources(a.cc …): sources of tests that compute for long themselves, optimised in sanitized trees as libraries are.
function(linnet_computing_sources)
  if(LINNET_UNOPTIMISED)
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -O1 SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

# linnet_fuzz(NAME SOURCE a.cc LIBRARIES … CORPUS folder): NAME_replay runs the target over tests/data/fuzz/folder as a test in
# every tree. NAME is the libFuzzer program (LINNET_BUILD_FUZZ, clang); in the fuzz tree, whose libraries report coverage to
# it, it is a test too: it fuzzes for $FUZZ_SECONDS (60) from that corpus and keeps what it finds under the build's corpus/NAME.
function(linnet_fuzz name)
  cmake_parse_arguments(ARG "" "SOURCE;CORPUS" "LIBRARIES" ${ARGN})
  set(seeds ${PROJECT_SOURCE_DIR}/tests/data/fuzz/${ARG_CORPUS})
  add_executable(${name}_replay ${ARG_SOURCE} ${PROJECT_SOURCE_DIR}/tests/fuzz_replay.cc)
  target_link_libraries(${name}_replay PRIVATE ${ARG_LIBRARIES})
  linnet_quick(${name}_replay)
  add_test(NAME ${name}_replay COMMAND ${name}_replay ${seeds})
  linnet_describe_test(${name}_replay replay)
  if(NOT LINNET_BUILD_FUZZ)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCE})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(linnet_fuzzers ${name})
  if(LINNET_SANITIZE MATCHES "fuzzer-no-link")
    set(found ${CMAKE_BINARY_DIR}/corpus/${name})
    file(MAKE_DIRECTORY ${found})
    add_test(NAME ${name} COMMAND sh -c
      "exec $<TARGET_FILE:${name}> -max_total_time=\${FUZZ_SECONDS:-60} -timeout=10 -print_final_stats=1 -close_fd_mask=2 -artifact_prefix=${found}. ${found} ${seeds}")
    linnet_describe_test(${name} fuzz)
    set_tests_properties(${name} PROPERTIES TIMEOUT 86400)
  endif()
endfunction()
