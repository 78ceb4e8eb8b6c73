// Makes a disk slow, full or read-only, and a clock wrong, for one process (LD_PRELOAD): no test needs root or a mount.
//
//   LINNET_FAULT_FOLDER   only files below it are touched
//   LINNET_FLUSH_LOG      gets a byte for each fsync and fdatasync of such files
//   LINNET_FAULT_FILE     while it exists, its content is the fault: "slow MS" (fsync takes MS more), "full" (writes
//                         and allocations fail with ENOSPC), "io" (fsync fails with EIO), "clock SECONDS" (the time of
//                         day is SECONDS ahead, or behind), "resolver SECONDS" (names are answered so much later)
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static int fault(char* text, int size) {
  const char* path = getenv("LINNET_FAULT_FILE");
  if (path == NULL) return 0;
  int (*const really_open)(const char*, int, ...) = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, "open");
  const int saved = errno;
  const int file = really_open(path, O_RDONLY | O_CLOEXEC);
  int length = -1;
  if (file >= 0) {
    length = (int)read(file, text, (size_t)size - 1);
    close(file);
  }
  errno = saved;
  if (length <= 0) return 0;
  text[length] = '\0';
  return 1;
}

// Whether a descriptor is of a file that the faults are for.
static int meant(int descriptor) {
  const char* folder = getenv("LINNET_FAULT_FOLDER");
  char link[64], path[4096];
  if (folder == NULL) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);  // NOLINT(clang-analyzer-security*): bounded.
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = '\0';
  return strncmp(path, folder, strlen(folder)) == 0;
}

static int is_full(int descriptor) {
  char text[64];
  return meant(descriptor) && fault(text, sizeof text) && strncmp(text, "full", 4) == 0;
}

// The C library's own function of that name.
#define REAL(name)                 \
  static __typeof__(&(name)) real; \
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, #name)

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the library abbreviates.
ssize_t write(int descriptor, const void* bytes, size_t count) {
  REAL(write);
  if (is_full(descriptor)) return errno = ENOSPC, -1;
  return real(descriptor, bytes, count);
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off64_t offset) {
  REAL(pwrite64);
  if (is_full(descriptor)) return errno = ENOSPC, -1;
  return real(descriptor, bytes, count, offset);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  REAL(pwrite);
  if (is_full(descriptor)) return errno = ENOSPC, -1;
  return real(descriptor, bytes, count, offset);
}

int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
  REAL(fallocate64);
  if (is_full(descriptor)) return errno = ENOSPC, -1;
  return real(descriptor, mode, offset, length);
}

static void count_flush(void) {
  const char* path = getenv("LINNET_FLUSH_LOG");
  const int file = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  const ssize_t written = write(file, ".", 1);
  (void)written;
  close(file);
}

static int flushed(int descriptor, int (*real)(int)) {
  char text[64];
  if (meant(descriptor)) count_flush();
  if (meant(descriptor) && fault(text, sizeof text)) {
    if (strncmp(text, "io", 2) == 0) return errno = EIO, -1;
    if (strncmp(text, "slow ", 5) == 0) {
      const long milliseconds = atol(text + 5);
      const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
      nanosleep(&pause, NULL);
    }
  }
  return real(descriptor);
}

int fsync(int descriptor) {
  REAL(fsync);
  return flushed(descriptor, real);
}

int fdatasync(int descriptor) {
  REAL(fdatasync);
  return flushed(descriptor, real);
}

// Signals do not end the wait: the system's resolver goes on as well.
int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints, struct addrinfo** list) {
  REAL(getaddrinfo);
  char text[64];
  const int numeric = hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0;
  if (!numeric && fault(text, sizeof text) && strncmp(text, "resolver ", 9) == 0) {
    struct timespec pause = {atol(text + 9), 0};
    while (nanosleep(&pause, &pause) != 0 && errno == EINTR) continue;
  }
  return real(node, service, hints, list);
}

// The time of day; clocks that count from the start are right.

static long clock_error(void) {
  char text[64];
  return fault(text, sizeof text) && strncmp(text, "clock ", 6) == 0 ? atol(text + 6) : 0;
}

time_t time(time_t* out) {
  REAL(time);
  const time_t now = real(NULL) + clock_error();
  if (out != NULL) *out = now;
  return now;
}

int clock_gettime(clockid_t id, struct timespec* out) {
  REAL(clock_gettime);
  const int result = real(id, out);
  if (result == 0 && id == CLOCK_REALTIME) out->tv_sec += clock_error();
  return result;
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
