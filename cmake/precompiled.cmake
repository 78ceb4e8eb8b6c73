# Headers that are compiled once a tree and not once a source: tests spend a third of their time on GoogleTest's.
#
# LINNET_PRECOMPILE adds the standard library's, in the libraries too. Not in `release` and the packages, where a source that
# forgot an include must not compile, and not with g++ 12, which then warns of strings' own copies (-Warray-bounds).
option(LINNET_PRECOMPILE "Compile the standard library's headers once a tree" OFF)

# Without <filesystem>: its std::quoted would stand beside our own where an argument is a std::string.
set(LINNET_STANDARD_HEADERS
  <algorithm> <array> <atomic> <charconv> <chrono> <cmath> <cstdio> <cstdlib> <cstring> <functional> <limits> <map> <memory>
  <mutex> <optional> <set> <span> <string> <string_view> <thread> <utility> <variant> <vector>)

# linnet_precompiled(NAME HEADERS … [OPTIONS …] [LIBRARIES …]): NAME owns HEADERS. A compiler takes them only where its other
# options are the same: OPTIONS hold -fPIC for libraries or -fPIE for programs, and the optimisation of the sources.
function(linnet_precompiled name)
  cmake_parse_arguments(ARG "" "" "HEADERS;OPTIONS;LIBRARIES" ${ARGN})
  file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/${name}.cc CONTENT "")
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cc)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE ${ARG_OPTIONS})
  target_link_libraries(${name} PRIVATE linnet_flags ${ARG_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
endfunction()

# linnet_precompile_libraries(FOLDER): every static library of the folder and those below it, but the kernels, whose files
# include next to nothing and are compiled for several processors.
function(linnet_precompile_libraries folder)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    get_target_property(type ${target} TYPE)
    get_target_property(unoptimised ${target} LINNET_UNOPTIMISED)
    if(NOT type STREQUAL "STATIC_LIBRARY" OR target STREQUAL "linnet_kernels")
      continue()
    elseif(unoptimised)
      target_precompile_headers(${target} REUSE_FROM linnet_standard_headers_unoptimised)
    else()
      target_precompile_headers(${target} REUSE_FROM linnet_standard_headers)
    endif()
  endforeach()
  get_property(below DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(folder ${below})
    linnet_precompile_libraries(${folder})
  endforeach()
endfunction()

# linnet_precompile_all(): the libraries' part, after all of them are declared; the tests' is in testing.cmake.
function(linnet_precompile_all)
  linnet_precompiled(linnet_standard_headers HEADERS ${LINNET_STANDARD_HEADERS} OPTIONS -fPIC)
  linnet_precompiled(linnet_standard_headers_unoptimised HEADERS ${LINNET_STANDARD_HEADERS} OPTIONS -fPIC -O0)
  linnet_precompile_libraries(${PROJECT_SOURCE_DIR})
endfunction()
