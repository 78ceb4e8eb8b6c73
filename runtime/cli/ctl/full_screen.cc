#include "runtime/cli/ctl/full_screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace linnet::cli::ctl {
namespace {

constexpr std::string_view kEnterScreen = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeaveScreen = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kFaint = "\x1b[2m";
constexpr std::string_view kPlain = "\x1b[0m";

}  // namespace

FullScreen::FullScreen(Console& console) : console_(console) { (void)console_.print(kEnterScreen); }

FullScreen::~FullScreen() { (void)console_.print(kLeaveScreen); }

// One write, each line cleared to its end: no flicker.
Result<void> FullScreen::show(FunctionRef<std::vector<ScreenLine>(std::size_t, std::size_t)> picture) {
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
  std::string text = "\x1b[H";
  bool first = true;
  for (const ScreenLine& line : picture(known ? size.ws_col : 80, known ? size.ws_row : 24)) {
    text.append(first ? "" : "\r\n");
    if (line.faded) text.append(kFaint);
    text.append(line.text);
    if (line.faded) text.append(kPlain);
    text.append("\x1b[K");
    first = false;
  }
  return console_.print(text + "\x1b[J");
}

}  // namespace linnet::cli::ctl
