// Named places in a request's life at which a test ends the daemon as a power cut would.
//
// LINNET_FAIL_POINT=NAME[:N[:MS]] in the environment kills the process the N-th time (default the first) that it comes
// by, MS milliseconds later: until then the other threads go on, so that what was handed to the network is also sent.
// Without it a place costs one comparison; whoever sets a daemon's environment may end the daemon anyway.
#pragma once

#include <cstdint>
#include <string>

namespace linnet::daemon {

enum class FailPoint : std::uint8_t {
  kReceived,      // Checked and admitted, not kept.
  kAccepted,      // On the disk, nobody told.
  kAcceptedSent,  // The client may know; the broker has no acknowledgement.
  kTakenOver,     // The broker has our acknowledgement of the request: it will not send it again.
  kStarted,       // Taken from the queue.
  kChunkSent,     // Some of the answer is out.
  kIntended,      // An action's intent is on the disk, nothing done.
  kDriven,        // The action is done, its result not kept.
  kEnded,         // The outcome is known, not kept.
  kOutcomeKept,   // Outcome and outbox row are on the disk, nobody told.
  kOutcomeSent,   // Handed to the broker, not acknowledged.
  kAcknowledged,  // The broker has it, the outbox row is still there.
};

// SIGKILL, where this is the place and the time.
void fail_point(FailPoint here);

// Their names, one a line: for `linnetd --list-fail-points`.
[[nodiscard]] std::string fail_point_names();

}  // namespace linnet::daemon
