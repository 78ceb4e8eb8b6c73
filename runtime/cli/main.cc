// The `linnet` command: makes the console, reads the command line, runs one subcommand, prints its error.
#include <exception>
#include <new>
#include <variant>

#include "runtime/cli/arguments.h"
#include "runtime/cli/bus_error.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/console.h"
#include "runtime/cli/interrupt.h"

namespace linnet::cli {
namespace {

Result<void> run_command(int count, const char* const* values, Console& console) {
  LINNET_TRY(const Command command, parse_arguments(count, values));
  return std::visit([&](const auto& options) { return execute(options, console); }, command);
}

// What a library beneath us throws becomes an error like any other: nothing may end in a crash.
Result<void> run_caught(int count, const char* const* values, Console& console) {
  try {
    return run_command(count, values, console);
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::kExhausted, "out of memory; close other programs or use a smaller model or --ctx");
  } catch (const std::exception& error) {
    return fail(ErrorKind::kIo, std::string("unexpected failure: ") + error.what());
  }
}

// One line on standard error and the exit code; a reader that went away and an interruption need no words.
int report(const Result<void>& result, const Console& console) {
  if (result) return 0;
  const Error& error = result.error();
  if (!console.reader_gone() && error.kind != ErrorKind::kInterrupted) console.note("linnet: " + error.message);
  return exit_code(error.kind);
}

}  // namespace

Result<void> execute(const ShowText& options, Console& console) { return console.print(options.text); }

}  // namespace linnet::cli

int main(int count, char** values) {
  namespace cli = linnet::cli;
  cli::occupy_closed_streams();
  cli::answer_bus_errors();
  const cli::StopRequest stop = cli::watch_for_interrupts();
  cli::Console console(stop);
  return cli::report(cli::run_caught(count, values, console), console);
}
