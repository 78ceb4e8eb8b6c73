// Ctrl-C and SIGTERM as a flag that long work polls, so that everything ends tidily.
#pragma once

#include <atomic>

namespace linnet::cli {

// From now on SIGINT and SIGTERM set the returned flag (and interrupt a waiting read) instead of ending the process;
// the fourth one ends it at once with 130. SIGPIPE is ignored: a write to a closed pipe is an error like any other.
// The flag is the process's, because a signal handler reaches nothing else.
std::atomic<bool>& watch_for_interrupts();

// Forgets the signals so far: `linnet chat` goes on after an answer was stopped.
void forget_interrupts();

}  // namespace linnet::cli
