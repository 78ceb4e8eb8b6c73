// What happens when a mapped file shrinks while it is read: one line and exit 5 instead of a crash.
#pragma once

#include <string_view>

namespace linnet::cli {

// From now on SIGBUS of a mapping (BUS_ADRERR: the page is no longer in the file, or its disk failed) writes one line
// and ends the process with 5. Other bus errors are bugs and crash as they should.
void answer_bus_errors();

// The file that the line names: the model being read. Keeps a copy; call it before the mapping is read.
void name_mapped_file(std::string_view path);

}  // namespace linnet::cli
