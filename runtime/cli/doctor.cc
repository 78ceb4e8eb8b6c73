// `linnet doctor`: what this board is, what it can do, and which models that is enough for.
#include "hal/linux/record.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/doctor/report.h"

namespace linnet::cli {

Result<void> execute(const DoctorOptions& options, Console& console) {
  if (options.record.empty()) {
    LINNET_TRY(const doctor::Report report, doctor::gather(options, console));
    return console.print(options.json ? doctor::json_of(report) : doctor::page_of(report));
  }
  if (options.board.starts_with("sim:")) {
    return fail(ErrorKind::kUsage, "--record copies a machine's files; a simulated board has none");
  }
  LINNET_TRY(const std::size_t files, hal::record_board(options.board, options.record));
  return console.print(options.record + ": " + std::to_string(files) +
                       " files that tell what this board is; look at it with linnet doctor --board " + options.record +
                       "\n");
}

}  // namespace linnet::cli
