// What the C interface answers to calls that make no sense, to bad files, to callbacks that stop and that call back.
#include <linnet.h>
#include <stdio.h>
#include <string.h>

static int faults = 0;

#define EXPECT(condition)                                            \
  do {                                                               \
    if (!(condition)) {                                              \
      printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      ++faults;                                                      \
    }                                                                \
  } while (0)

// Whether `status` came, and the line about it holds `word`.
static int failed_with(linnet_status given, linnet_status expected, const char* word) {
  if (given == expected && strstr(linnet_error(), word) != NULL) return 1;
  printf("  status %d, \"%s\"\n", (int)given, linnet_error());
  return 0;
}

static void test_null_pointers(linnet_model* model) {
  linnet_model* opened = (linnet_model*)&faults;
  linnet_session* session = (linnet_session*)&faults;
  linnet_metrics metrics = LINNET_METRICS_INIT;
  EXPECT(failed_with(linnet_open(NULL, NULL, &opened), LINNET_USAGE, "path"));
  EXPECT(opened == NULL);
  EXPECT(failed_with(linnet_open("x.gguf", NULL, NULL), LINNET_USAGE, "model"));
  EXPECT(failed_with(linnet_session_open(NULL, &session), LINNET_USAGE, "model"));
  EXPECT(session == NULL);
  EXPECT(failed_with(linnet_session_open(model, NULL), LINNET_USAGE, "session"));
  EXPECT(failed_with(linnet_session_reset(NULL, ""), LINNET_USAGE, "session"));
  EXPECT(failed_with(linnet_generate(NULL, "x", NULL, NULL, NULL, NULL), LINNET_USAGE, "session"));
  EXPECT(failed_with(linnet_read_metrics(NULL, &metrics), LINNET_USAGE, "null"));
  EXPECT(failed_with(linnet_read_metrics(model, NULL), LINNET_USAGE, "null"));
  EXPECT(linnet_session_close(NULL) == LINNET_OK && linnet_close(NULL) == LINNET_OK);
  linnet_cancel(NULL);
}

static void test_bad_files(const char* plain, const char* malformed) {
  linnet_model* model;
  EXPECT(failed_with(linnet_open("no/such/model.gguf", NULL, &model), LINNET_IO, "no/such/model.gguf"));
  EXPECT(failed_with(linnet_open(malformed, NULL, &model), LINNET_MODEL, malformed));
  EXPECT(failed_with(linnet_open(plain, NULL, &model), LINNET_MODEL, "linnet pack"));
  EXPECT(model == NULL);
}

static void test_options(const char* path, linnet_session* session) {
  linnet_model* model;
  linnet_open_options small = LINNET_OPEN_DEFAULTS;
  small.memory_budget = 1000;
  EXPECT(failed_with(linnet_open(path, &small, &model), LINNET_TOO_LARGE, path));
  linnet_open_options unsized = {0};
  EXPECT(failed_with(linnet_open(path, &unsized, &model), LINNET_USAGE, "LINNET_OPEN_DEFAULTS"));
  linnet_generate_options hot = LINNET_GENERATE_DEFAULTS;
  hot.temperature = -1;
  EXPECT(failed_with(linnet_generate(session, "x", &hot, NULL, NULL, NULL), LINNET_USAGE, "temperature"));
}

// A structure of an older version ends sooner: nothing behind its end is read or written.
static void test_older_structures(linnet_model* model) {
  struct {
    linnet_metrics metrics;
  } storage = {LINNET_METRICS_INIT};
  storage.metrics.size = sizeof(size_t) + sizeof(uint64_t);
  storage.metrics.context = 12345;
  EXPECT(linnet_read_metrics(model, &storage.metrics) == LINNET_OK);
  EXPECT(storage.metrics.context == 12345);
  EXPECT(storage.metrics.size == sizeof(size_t) + sizeof(uint64_t));
}

static int stop_at_once(const char* text, size_t length, void* user) {
  (void)text, (void)length;
  ++*(int*)user;
  return 1;
}

static int cancel_at_once(const char* text, size_t length, void* user) {
  (void)text, (void)length;
  linnet_cancel(user);
  return 0;
}

struct caller {
  linnet_model* model;
  linnet_session* session;
  int refused;
};

static int call_back(const char* text, size_t length, void* user) {
  (void)text, (void)length;
  struct caller* caller = user;
  linnet_metrics metrics = LINNET_METRICS_INIT;
  caller->refused += linnet_generate(caller->session, "x", NULL, NULL, NULL, NULL) == LINNET_BUSY;
  caller->refused += linnet_session_reset(caller->session, NULL) == LINNET_BUSY;
  caller->refused += linnet_session_close(caller->session) == LINNET_BUSY;
  caller->refused += linnet_read_metrics(caller->model, &metrics) == LINNET_BUSY;
  return 1;
}

static void test_callbacks(linnet_model* model, linnet_session* session) {
  int calls = 0;
  linnet_answer answer = LINNET_ANSWER_INIT;
  EXPECT(linnet_generate(session, "hello", NULL, stop_at_once, &calls, &answer) == LINNET_OK);
  EXPECT(answer.finish == LINNET_FINISH_CANCELLED && calls >= 1);
  EXPECT(linnet_generate(session, "hello", NULL, cancel_at_once, session, &answer) == LINNET_OK);
  EXPECT(answer.finish == LINNET_FINISH_CANCELLED);
  struct caller caller = {model, session, 0};
  EXPECT(linnet_generate(session, "hello", NULL, call_back, &caller, NULL) == LINNET_OK);
  EXPECT(caller.refused >= 4);
}

static void test_conversation(linnet_session* session) {
  linnet_generate_options options = LINNET_GENERATE_DEFAULTS;
  options.maximum_tokens = 3;
  linnet_answer first = LINNET_ANSWER_INIT, second = LINNET_ANSWER_INIT, again = LINNET_ANSWER_INIT;
  EXPECT(linnet_session_reset(session, NULL) == LINNET_OK);
  EXPECT(linnet_generate(session, "hello", &options, NULL, NULL, &first) == LINNET_OK);
  EXPECT(first.finish == LINNET_FINISH_LENGTH && first.generated_tokens == 3);
  EXPECT(linnet_generate(session, "hello", &options, NULL, NULL, &second) == LINNET_OK);
  EXPECT(second.prompt_tokens > first.prompt_tokens);
  EXPECT(linnet_session_reset(session, NULL) == LINNET_OK);
  EXPECT(linnet_generate(session, "hello", &options, NULL, NULL, &again) == LINNET_OK);
  EXPECT(again.prompt_tokens == first.prompt_tokens);
}

int main(int count, char** values) {
  if (count != 4) return 2;
  linnet_model* model;
  linnet_session* session;
  if (linnet_open(values[1], NULL, &model) != LINNET_OK || linnet_session_open(model, &session) != LINNET_OK) {
    printf("%s\n", linnet_error());
    return 1;
  }
  test_null_pointers(model);
  test_bad_files(values[2], values[3]);
  test_options(values[1], session);
  test_older_structures(model);
  test_callbacks(model, session);
  test_conversation(session);
  EXPECT(failed_with(linnet_close(model), LINNET_BUSY, "sessions"));
  EXPECT(linnet_session_close(session) == LINNET_OK);
  EXPECT(linnet_close(model) == LINNET_OK);
  printf("%d faults\n", faults);
  return faults != 0;
}
