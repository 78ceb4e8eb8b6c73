# Libraries whose shared names differ between the distributions that one package serves: taken as headers or statically.

# toml++: Debian's own configuration asks for its shared library.
find_path(LINNET_TOML_INCLUDE toml++/toml.h REQUIRED)
add_library(linnet_toml INTERFACE)
target_include_directories(linnet_toml SYSTEM INTERFACE ${LINNET_TOML_INCLUDE})
target_compile_definitions(linnet_toml INTERFACE TOML_HEADER_ONLY=1)

# utf8proc: soname 2 in Debian 12, 3 in Debian 13.
find_library(LINNET_UTF8PROC_ARCHIVE libutf8proc.a REQUIRED)
find_path(LINNET_UTF8PROC_INCLUDE utf8proc.h REQUIRED)
add_library(linnet_utf8proc INTERFACE)
target_include_directories(linnet_utf8proc SYSTEM INTERFACE ${LINNET_UTF8PROC_INCLUDE})
target_compile_definitions(linnet_utf8proc INTERFACE UTF8PROC_STATIC)
target_link_libraries(linnet_utf8proc INTERFACE ${LINNET_UTF8PROC_ARCHIVE})
