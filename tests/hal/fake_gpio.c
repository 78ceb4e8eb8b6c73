// Plays one GPIO chip, /dev/gpiochip7, for one process (LD_PRELOAD): both of the kernel's interfaces, so that
// libgpiod 1.6 and 2.x themselves run above it where no kernel has a chip.
//
// Lines: 0 LAMP, 1 DOOR, 2 BUTTON, 3 RELAY, 4 TAKEN (held by "kernel driver"), 5 without a name. As in the kernel,
// values are logical (active-low is applied here), edges are logical too, their times are CLOCK_MONOTONIC, a second
// request of a line is EBUSY, and a line is released with its descriptor, keeping its level (what most chips' drivers
// do).
//
//   FAKE_GPIO_LOG=FILE   what is done is appended: "request LAMP output 0", "set LAMP 1", "release LAMP 0"
#define _GNU_SOURCE
#include "fake_gpio.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum { kLines = 6, kDescriptors = 1024, kMajor = 254, kMinor = 7 };
static const char kDevice[] = "/dev/gpiochip7";
static const char kName[] = "gpiochip7";
static const char kSysfsDevice[] = "/sys/bus/gpio/devices/gpiochip7/dev";
static const char kSysfsSubsystem[] = "/sys/dev/char/254:7/subsystem";

// Settings in the words of the second interface; the first one's are translated.
struct line {
  const char* name;
  char consumer[32];
  int held;
  __u64 flags;
  __u32 debounce_us;
  int wired;         // What the world outside does: 0, 1, or -1 for nothing.
  int driven;        // The level that an output gives.
  int told;          // The level of the last edge.
  unsigned changes;  // Counts wirings, for debouncing.
  int events;        // Where edges are written, or 0.
  int first_kind;    // Whether they have the form of the first interface.
  __u32 seen;
};
static struct line lines[kLines] = {
    {.name = "LAMP", .wired = -1},
    {.name = "DOOR", .wired = -1},
    {.name = "BUTTON", .wired = -1},
    {.name = "RELAY", .wired = -1},
    {.name = "TAKEN", .wired = -1, .held = 1, .consumer = "kernel driver"},
    {.name = "", .wired = -1},
};
enum kind { kNothing, kChip, kRequest };
static struct {
  enum kind kind;
  unsigned count;
  __u32 offsets[GPIO_V2_LINES_MAX];
} descriptors[kDescriptors];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int fail_in, fail_with;

#define REAL(name)                 \
  static __typeof__(&(name)) real; \
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, #name)

static void note(const char* what, unsigned offset, const char* direction, int level) {
  const char* path = getenv("FAKE_GPIO_LOG");
  FILE* file = path == NULL ? NULL : fopen(path, "ae");
  if (file == NULL) return;
  fprintf(file, "%s %s %s%d\n", what, lines[offset].name, direction, level);
  fclose(file);
}

static int is_output(const struct line* line) { return (line->flags & GPIO_V2_LINE_FLAG_OUTPUT) != 0; }
static int is_inverted(const struct line* line) { return (line->flags & GPIO_V2_LINE_FLAG_ACTIVE_LOW) != 0; }

static int level_of(const struct line* line) {
  if (is_output(line)) return line->driven;
  if (line->wired >= 0) return line->wired;
  return (line->flags & GPIO_V2_LINE_FLAG_BIAS_PULL_UP) != 0;
}

static int value_of(const struct line* line) { return level_of(line) ^ is_inverted(line); }

// With the mutex held: tells an edge, if the level is another than at the last one.
static void tell_edge(struct line* line, unsigned offset) {
  if (line->events == 0 || level_of(line) == line->told) return;
  line->told = level_of(line);
  const int rising = value_of(line);
  const __u64 wanted = rising ? GPIO_V2_LINE_FLAG_EDGE_RISING : GPIO_V2_LINE_FLAG_EDGE_FALLING;
  if ((line->flags & wanted) == 0) return;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const __u64 time = (__u64)now.tv_sec * 1000000000u + (__u64)now.tv_nsec;
  if (line->first_kind) {
    const struct gpioevent_data event = {time, rising ? GPIOEVENT_EVENT_RISING_EDGE : GPIOEVENT_EVENT_FALLING_EDGE};
    (void)!write(line->events, &event, sizeof event);
  } else {
    const struct gpio_v2_line_event event = {
        .timestamp_ns = time,
        .id = rising ? GPIO_V2_LINE_EVENT_RISING_EDGE : GPIO_V2_LINE_EVENT_FALLING_EDGE,
        .offset = offset,
        .seqno = ++line->seen,
        .line_seqno = line->seen};
    (void)!write(line->events, &event, sizeof event);
  }
}

// A change that has to last: told when nothing else happened to the line meanwhile.
struct settling {
  unsigned offset, change;
};

static void* settle(void* argument) {
  struct settling settling = *(struct settling*)argument;
  free(argument);
  struct line* line = &lines[settling.offset];
  usleep(line->debounce_us);
  pthread_mutex_lock(&mutex);
  if (line->changes == settling.change) tell_edge(line, settling.offset);
  pthread_mutex_unlock(&mutex);
  return NULL;
}

void fake_gpio_wire(unsigned offset, int level) {
  pthread_mutex_lock(&mutex);
  struct line* line = &lines[offset];
  line->wired = level;
  ++line->changes;
  if (line->debounce_us == 0) {
    tell_edge(line, offset);
  } else {
    struct settling* settling = malloc(sizeof *settling);
    *settling = (struct settling){offset, line->changes};
    pthread_t thread;
    pthread_create(&thread, NULL, settle, settling);
    pthread_detach(thread);
  }
  pthread_mutex_unlock(&mutex);
}

int fake_gpio_level(unsigned offset) {
  pthread_mutex_lock(&mutex);
  const int level = level_of(&lines[offset]);
  pthread_mutex_unlock(&mutex);
  return level;
}

void fake_gpio_fail(int nth, int error) {
  fail_in = nth;
  fail_with = error;
}

static int no(int error) {
  errno = error;
  return -1;
}

// Takes lines for a new descriptor, which it returns.
static int hold(const __u32* offsets, unsigned count, const char* consumer, const __u64* flags, const __u32* debounce,
                const int* values, int first_kind) {
  for (unsigned i = 0; i < count; ++i) {
    if (offsets[i] >= kLines) return no(EINVAL);
    if (lines[offsets[i]].held) return no(EBUSY);
  }
  int ends[2];  // Edges are written to one and read, one at a time, from the other.
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -1;
  if (ends[0] >= kDescriptors) return no(EMFILE);
  descriptors[ends[0]].kind = kRequest;
  descriptors[ends[0]].count = count;
  for (unsigned i = 0; i < count; ++i) {
    struct line* line = &lines[offsets[i]];
    descriptors[ends[0]].offsets[i] = offsets[i];
    line->held = 1;
    memcpy(line->consumer, consumer, sizeof line->consumer);
    line->flags = flags[i];
    line->debounce_us = debounce[i];
    if (is_output(line)) line->driven = values[i] ^ is_inverted(line);
    line->told = level_of(line);
    line->events = i == 0 ? ends[1] : dup(ends[1]);
    line->first_kind = first_kind;
    note("request", offsets[i], is_output(line) ? "output " : "input ", level_of(line));
  }
  return ends[0];
}

static void let_go(int descriptor, int (*really_close)(int)) {
  for (unsigned i = 0; i < descriptors[descriptor].count; ++i) {
    struct line* line = &lines[descriptors[descriptor].offsets[i]];
    note("release", descriptors[descriptor].offsets[i], "", level_of(line));
    really_close(line->events);
    line->events = line->held = 0;
    memset(line->consumer, 0, sizeof line->consumer);
  }
}

static void set_value(__u32 offset, int value) {
  struct line* line = &lines[offset];
  line->driven = value ^ is_inverted(line);
  note("set", offset, "", line->driven);
}

// The first interface (Linux 4.8), deprecated and what libgpiod 1.6 uses.

static __u64 flags_of_first(__u32 flags) {
  __u64 out = 0;
  if (flags & GPIOHANDLE_REQUEST_INPUT) out |= GPIO_V2_LINE_FLAG_INPUT;
  if (flags & GPIOHANDLE_REQUEST_OUTPUT) out |= GPIO_V2_LINE_FLAG_OUTPUT;
  if (flags & GPIOHANDLE_REQUEST_ACTIVE_LOW) out |= GPIO_V2_LINE_FLAG_ACTIVE_LOW;
  if (flags & GPIOHANDLE_REQUEST_BIAS_PULL_UP) out |= GPIO_V2_LINE_FLAG_BIAS_PULL_UP;
  if (flags & GPIOHANDLE_REQUEST_BIAS_PULL_DOWN) out |= GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN;
  if (flags & GPIOHANDLE_REQUEST_BIAS_DISABLE) out |= GPIO_V2_LINE_FLAG_BIAS_DISABLED;
  return out;
}

static int line_info_first(struct gpioline_info* info) {
  const __u32 offset = info->line_offset;
  if (offset >= kLines) return no(EINVAL);
  memset(info, 0, sizeof *info);
  info->line_offset = offset;
  if (lines[offset].held) info->flags |= GPIOLINE_FLAG_KERNEL;
  if (is_output(&lines[offset])) info->flags |= GPIOLINE_FLAG_IS_OUT;
  if (is_inverted(&lines[offset])) info->flags |= GPIOLINE_FLAG_ACTIVE_LOW;
  strcpy(info->name, lines[offset].name);
  strcpy(info->consumer, lines[offset].consumer);
  return 0;
}

static int request_first(struct gpiohandle_request* request) {
  __u64 flags[GPIOHANDLES_MAX];
  __u32 debounce[GPIOHANDLES_MAX] = {0};
  int values[GPIOHANDLES_MAX];
  for (unsigned i = 0; i < GPIOHANDLES_MAX; ++i) {
    flags[i] = flags_of_first(request->flags);
    values[i] = request->default_values[i];
  }
  request->fd = hold(request->lineoffsets, request->lines, request->consumer_label, flags, debounce, values, 1);
  return request->fd < 0 ? -1 : 0;
}

static int request_event_first(struct gpioevent_request* request) {
  __u64 flags = flags_of_first(request->handleflags);
  if (request->eventflags & GPIOEVENT_REQUEST_RISING_EDGE) flags |= GPIO_V2_LINE_FLAG_EDGE_RISING;
  if (request->eventflags & GPIOEVENT_REQUEST_FALLING_EDGE) flags |= GPIO_V2_LINE_FLAG_EDGE_FALLING;
  const __u32 debounce = 0;
  const int value = 0;
  request->fd = hold(&request->lineoffset, 1, request->consumer_label, &flags, &debounce, &value, 1);
  return request->fd < 0 ? -1 : 0;
}

// The second interface (Linux 5.10), what libgpiod 2 uses.

static int line_info_second(struct gpio_v2_line_info* info) {
  const __u32 offset = info->offset;
  if (offset >= kLines) return no(EINVAL);
  memset(info, 0, sizeof *info);
  info->offset = offset;
  info->flags = lines[offset].flags | (lines[offset].held ? GPIO_V2_LINE_FLAG_USED : 0);
  if (!is_output(&lines[offset])) info->flags |= GPIO_V2_LINE_FLAG_INPUT;
  strcpy(info->name, lines[offset].name);
  strcpy(info->consumer, lines[offset].consumer);
  return 0;
}

static int request_second(struct gpio_v2_line_request* request) {
  __u64 flags[GPIO_V2_LINES_MAX];
  __u32 debounce[GPIO_V2_LINES_MAX] = {0};
  int values[GPIO_V2_LINES_MAX] = {0};
  const struct gpio_v2_line_config* config = &request->config;
  for (unsigned i = 0; i < request->num_lines; ++i) {
    flags[i] = config->flags;
    for (unsigned a = 0; a < config->num_attrs; ++a) {
      const struct gpio_v2_line_config_attribute* attribute = &config->attrs[a];
      if ((attribute->mask >> i & 1) == 0) continue;
      if (attribute->attr.id == GPIO_V2_LINE_ATTR_ID_FLAGS) flags[i] = attribute->attr.flags;
      if (attribute->attr.id == GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES) values[i] = attribute->attr.values >> i & 1;
      if (attribute->attr.id == GPIO_V2_LINE_ATTR_ID_DEBOUNCE) debounce[i] = attribute->attr.debounce_period_us;
    }
  }
  request->fd = hold(request->offsets, request->num_lines, request->consumer, flags, debounce, values, 0);
  return request->fd < 0 ? -1 : 0;
}

static int chip_info(struct gpiochip_info* info) {
  memset(info, 0, sizeof *info);
  strcpy(info->name, kName);
  strcpy(info->label, "fake");
  info->lines = kLines;
  return 0;
}

static int answer(int descriptor, unsigned long request, void* argument) {
  const __u32* held = descriptors[descriptor].offsets;
  const unsigned count = descriptors[descriptor].count;
  struct gpiohandle_data* data = argument;
  struct gpio_v2_line_values* values = argument;
  switch ((unsigned)request) {  // The kernel looks at 32 bits; libgpiod's are sign-extended.
    case GPIO_GET_CHIPINFO_IOCTL: return chip_info(argument);
    case GPIO_GET_LINEINFO_IOCTL: return line_info_first(argument);
    case GPIO_GET_LINEHANDLE_IOCTL: return request_first(argument);
    case GPIO_GET_LINEEVENT_IOCTL: return request_event_first(argument);
    case GPIO_V2_GET_LINEINFO_IOCTL: return line_info_second(argument);
    case GPIO_V2_GET_LINE_IOCTL: return request_second(argument);
    case GPIOHANDLE_GET_LINE_VALUES_IOCTL:
      for (unsigned i = 0; i < count; ++i) data->values[i] = (__u8)value_of(&lines[held[i]]);
      return 0;
    case GPIOHANDLE_SET_LINE_VALUES_IOCTL:
      if (!is_output(&lines[held[0]])) return no(EPERM);
      for (unsigned i = 0; i < count; ++i) set_value(held[i], data->values[i] != 0);
      return 0;
    case GPIO_V2_LINE_GET_VALUES_IOCTL:
      values->bits = 0;
      for (unsigned i = 0; i < count; ++i) values->bits |= (__u64)value_of(&lines[held[i]]) << i;
      return 0;
    case GPIO_V2_LINE_SET_VALUES_IOCTL:
      if (!is_output(&lines[held[0]])) return no(EPERM);
      for (unsigned i = 0; i < count; ++i) {
        if (values->mask >> i & 1) set_value(held[i], (int)(values->bits >> i & 1));
      }
      return 0;
    default: return no(ENOTTY);
  }
}

// What the C library would do, except for our names.

static int open_device(int flags) {
  REAL(open);
  const int descriptor = real("/dev/null", O_RDWR | (flags & O_CLOEXEC));
  if (descriptor >= 0 && descriptor < kDescriptors) descriptors[descriptor].kind = kChip;
  return descriptor;
}

static int open_number(void) {
  const int descriptor = memfd_create("dev", MFD_CLOEXEC);
  (void)!write(descriptor, "254:7\n", 6);
  lseek(descriptor, 0, SEEK_SET);
  return descriptor;
}

int open(const char* path, int flags, ...) {
  REAL(open);
  if (strcmp(path, kDevice) == 0) return open_device(flags);
  if (strcmp(path, kSysfsDevice) == 0) return open_number();
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return real(path, flags, mode);
}

int close(int descriptor) {
  REAL(close);
  if (descriptor >= 0 && descriptor < kDescriptors && descriptors[descriptor].kind != kNothing) {
    pthread_mutex_lock(&mutex);
    if (descriptors[descriptor].kind == kRequest) let_go(descriptor, real);
    descriptors[descriptor].kind = kNothing;
    pthread_mutex_unlock(&mutex);
  }
  return real(descriptor);
}

int ioctl(int descriptor, unsigned long request, ...) {
  REAL(ioctl);
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  if (descriptor < 0 || descriptor >= kDescriptors || descriptors[descriptor].kind == kNothing) {
    return real(descriptor, request, argument);
  }
  if (fail_in > 0 && --fail_in == 0) return no(fail_with);
  pthread_mutex_lock(&mutex);
  const int result = answer(descriptor, request, argument);
  pthread_mutex_unlock(&mutex);
  return result;
}

static int status_of_device(struct stat* status) {
  memset(status, 0, sizeof *status);
  status->st_mode = S_IFCHR | 0660;
  status->st_rdev = makedev(kMajor, kMinor);
  return 0;
}

int lstat(const char* path, struct stat* status) {
  REAL(lstat);
  return strcmp(path, kDevice) == 0 ? status_of_device(status) : real(path, status);
}

int stat(const char* path, struct stat* status) {
  REAL(stat);
  return strcmp(path, kDevice) == 0 ? status_of_device(status) : real(path, status);
}

int access(const char* path, int mode) {
  REAL(access);
  return strcmp(path, kDevice) == 0 || strcmp(path, kSysfsDevice) == 0 ? 0 : real(path, mode);
}

char* realpath(const char* path, char* resolved) {
  REAL(realpath);
  const char* answer = strcmp(path, kDevice) == 0           ? kDevice
                       : strcmp(path, kSysfsSubsystem) == 0 ? "/sys/bus/gpio"
                                                            : NULL;
  if (answer == NULL) return real(path, resolved);
  return resolved == NULL ? strdup(answer) : strcpy(resolved, answer);
}

// libgpiod 1.6 looks through /dev with this one…
int scandir(const char* folder, struct dirent*** names, int (*filter)(const struct dirent*),
            int (*compare)(const struct dirent**, const struct dirent**)) {
  REAL(scandir);
  int count = real(folder, names, filter, compare);
  struct dirent* entry = calloc(1, sizeof *entry);
  strcpy(entry->d_name, kName);
  entry->d_type = DT_CHR;
  if (count < 0 || strcmp(folder, "/dev") != 0 || (filter != NULL && !filter(entry))) {
    free(entry);
    return count;
  }
  *names = realloc(*names, (size_t)(count + 1) * sizeof **names);
  (*names)[count] = entry;
  return count + 1;
}

// …and our plug-in for 2.x with this one: after the last name comes ours, once a listing.
struct dirent* readdir(DIR* listing) {
  REAL(readdir);
  static DIR* finished;
  static struct dirent entry;
  struct dirent* next = real(listing);
  if (next != NULL || finished == listing) {
    finished = NULL;
    return next;
  }
  char link[64], path[8] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd(listing));
  if (readlink(link, path, sizeof path - 1) != 4 || strcmp(path, "/dev") != 0) return NULL;
  finished = listing;
  strcpy(entry.d_name, kName);
  entry.d_type = DT_CHR;
  return &entry;
}
