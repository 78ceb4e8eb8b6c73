// The C interface in use: answers each argument after the model file as one turn of a conversation.
#include <linnet.h>
#include <stdio.h>

static int print_text(const char* text, size_t length, void* user) {
  return fwrite(text, 1, length, user) == length ? 0 : 1;
}

static int fail(void) {
  fprintf(stderr, "%s\n", linnet_error());
  return 1;
}

int main(int count, char** values) {
  if (count < 3) {
    fprintf(stderr, "usage: example MODEL.gguf SENTENCE...\n");
    return 2;
  }
  linnet_model* model;
  if (linnet_open(values[1], NULL, &model) != LINNET_OK) return fail();
  linnet_session* session;
  if (linnet_session_open(model, &session) != LINNET_OK) return fail();
  for (int turn = 2; turn < count; ++turn) {
    linnet_answer answer = LINNET_ANSWER_INIT;
    if (linnet_generate(session, values[turn], NULL, print_text, stdout, &answer) != LINNET_OK) return fail();
    printf("\n%zu tokens read, %zu written\n", answer.prompt_tokens, answer.generated_tokens);
  }
  return linnet_session_close(session) == LINNET_OK && linnet_close(model) == LINNET_OK ? 0 : fail();
}
