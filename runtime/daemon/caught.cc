#include "runtime/daemon/caught.h"

#include <algorithm>
#include <exception>
#include <new>

namespace linnet::daemon {
namespace {

void copy(std::string_view words, Caught& to) {
  std::copy_n(words.data(), std::min(words.size(), to.text.size() - 1), to.text.data());
}

}  // namespace

Caught caught() noexcept {
  Caught caught;
  try {
    throw;
  } catch (const std::bad_alloc&) {
    caught.kind = ErrorKind::kExhausted;
    copy("the device has no memory left for it", caught);
  } catch (const std::exception& error) {
    copy(error.what(), caught);
  } catch (...) {
    copy("something that is no exception was thrown", caught);
  }
  return caught;
}

}  // namespace linnet::daemon
