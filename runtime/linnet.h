// The C interface of liblinnet: opens a model, keeps conversations, generates text. C11; the ABI is stable.
//
//   linnet_model *model;
//   linnet_session *session;
//   if (linnet_open("model.gguf", NULL, &model) || linnet_session_open(model, &session)) die(linnet_error());
//   linnet_generate(session, "turn off the lights", NULL, print_text, NULL, NULL);
//   linnet_session_close(session);
//   linnet_close(model);
//
// Every function may be called from any thread. Generations of one model take turns: a second one waits until the first
// has ended. Strings are UTF-8. A structure begins with its own size, which the caller sets (the *_DEFAULTS macros do),
// so that later versions can add members: a member that a caller does not know has its default.
#pragma once

// NOLINTBEGIN(modernize-deprecated-headers,modernize-use-using): C reads this header too.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// "0.1.0".
const char* linnet_version(void);

// What became of a call; the numbers are the exit codes of the linnet command.
typedef enum linnet_status {
  LINNET_OK = 0,
  LINNET_USAGE = 2,      // The call makes no sense: a null pointer, an option out of range.
  LINNET_MODEL = 3,      // The file is malformed, or of a kind that this version cannot run.
  LINNET_TOO_LARGE = 4,  // It does not fit in memory, or the prompt does not fit the context.
  LINNET_IO = 5,         // A file is absent or cannot be read.
  LINNET_REFUSED = 6,    // Permission.
  LINNET_BUSY = 7        // Still in use: close its sessions first, or leave the callback.
} linnet_status;

// One line about the last call of this thread that failed: what, where, what to do. Never null; valid until this
// thread's next call that fails.
const char* linnet_error(void);

typedef struct linnet_model linnet_model;
typedef struct linnet_session linnet_session;

// How a model is opened. 0 is the default of each.
typedef struct linnet_open_options {
  size_t size;             // sizeof(linnet_open_options)
  size_t context;          // Positions of prompt and answer together; default: the model's own, at most 4,096.
  size_t threads;          // Default: one a core that this process may use.
  uint64_t memory_budget;  // Bytes; a model that plans more is refused. Default: what the machine has free.
} linnet_open_options;
#define LINNET_OPEN_DEFAULTS \
  { sizeof(linnet_open_options), 0, 0, 0 }

// Maps the model and reserves everything that its memory plan says. The file must be as `linnet pack` writes it, or of
// floating point weights. On failure *model is null.
linnet_status linnet_open(const char* path, const linnet_open_options* options, linnet_model** model);

// LINNET_BUSY while it has sessions. Null is ignored.
linnet_status linnet_close(linnet_model* model);

// A conversation with the model, empty at first. It remembers the texts; each answer reads them anew.
linnet_status linnet_session_open(linnet_model* model, linnet_session** session);

// Sets the system message (null: none) and forgets the conversation.
linnet_status linnet_session_reset(linnet_session* session, const char* system);

// LINNET_BUSY while it generates. Null is ignored.
linnet_status linnet_session_close(linnet_session* session);

// How text is generated.
typedef struct linnet_generate_options {
  size_t size;            // sizeof(linnet_generate_options)
  size_t maximum_tokens;  // 0: until the context is full.
  float temperature;      // 0: always the likeliest token.
  uint32_t top_k;         // 0: all.
  float top_p;            // 1: all.
  float min_p;            // 0: all.
  float repeat_penalty;   // 1: none.
  uint64_t seed;          // The same seed gives the same text.
  int raw;                // Not 0: the prompt as it is, no chat template, no forced form, nothing remembered.
} linnet_generate_options;
#define LINNET_GENERATE_DEFAULTS \
  { sizeof(linnet_generate_options), 512, 0.0f, 40, 0.95f, 0.05f, 1.0f, 0, 0 }

typedef enum linnet_finish {
  LINNET_FINISH_NONE = 0,
  LINNET_FINISH_STOP = 1,      // The model ended its answer.
  LINNET_FINISH_LENGTH = 2,    // maximum_tokens, or the context is full.
  LINNET_FINISH_CANCELLED = 3  // linnet_cancel, or the callback.
} linnet_finish;

typedef struct linnet_answer {
  size_t size;  // sizeof(linnet_answer)
  linnet_finish finish;
  size_t prompt_tokens;
  size_t generated_tokens;
  double first_token_milliseconds;
  double prefill_milliseconds;
  double decode_milliseconds;  // Of the tokens after the first.
} linnet_answer;
#define LINNET_ANSWER_INIT \
  { sizeof(linnet_answer), LINNET_FINISH_NONE, 0, 0, 0.0, 0.0, 0.0 }

// Receives whole characters as they come, not ended by a zero byte. Not 0: stop. It may call linnet_cancel, and no
// other function of the same model. It must not throw or jump out.
typedef int (*linnet_on_text)(const char* text, size_t length, void* user);

// Adds `prompt` to the conversation and generates the answer, which becomes part of it unless it was cancelled.
// `options`, `on_text` and `answer` may be null.
linnet_status linnet_generate(linnet_session* session, const char* prompt, const linnet_generate_options* options,
                              linnet_on_text on_text, void* user, linnet_answer* answer);

// Ends the generation of this session that is running, after the token in work; without one, does nothing. From any
// thread, and from the callback.
void linnet_cancel(linnet_session* session);

typedef struct linnet_metrics {
  size_t size;               // sizeof(linnet_metrics)
  uint64_t steps;            // Computed since the model was opened.
  uint64_t rows;             // Tokens read and written in them.
  double milliseconds;       // Spent in them.
  uint64_t anonymous_bytes;  // Planned: the process's own.
  uint64_t mapped_bytes;     // Planned: the file's pages, shared with other processes.
  size_t context;            // Positions of one conversation.
  size_t sessions;           // Open now.
} linnet_metrics;
#define LINNET_METRICS_INIT \
  { sizeof(linnet_metrics), 0, 0, 0.0, 0, 0, 0, 0 }

// Waits for a generation that is running.
linnet_status linnet_read_metrics(linnet_model* model, linnet_metrics* metrics);

#ifdef __cplusplus
}
#endif
// NOLINTEND(modernize-deprecated-headers,modernize-use-using)
