// A program over llama.cpp's library that says what it computes: logits of a sequence, or greedy continuations.
//
//   llama_peer logits MODEL OUT < ids       float32 [ids, vocabulary] to OUT; the cache is kept in float32
//   llama_peer greedy MODEL COUNT < lines   a line of ids each: COUNT more ids, fewer where one ends the text, and
//   after
//                                           "|" how far each was ahead of the second best
//
// It is no part of the build: llama_cpp.py compiles it.
#include <llama.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

std::vector<llama_token> ids_of(const std::string& line) {
  std::istringstream words(line);
  std::vector<llama_token> ids;
  for (llama_token id = 0; words >> id;) ids.push_back(id);
  return ids;
}

llama_context* open_context(llama_model* model, std::size_t positions, ggml_type cache) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(positions);
  params.n_batch = params.n_ubatch = static_cast<std::uint32_t>(positions);
  params.n_threads = params.n_threads_batch = 1;
  params.type_k = params.type_v = cache;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  return llama_init_from_model(model, params);
}

// Computes `ids` from `position` on, with logits of all or of the last one.
bool decode(llama_context* context, const std::vector<llama_token>& ids, std::size_t position, bool all) {
  llama_batch batch = llama_batch_init(static_cast<int>(ids.size()), 0, 1);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    batch.token[i] = ids[i];
    batch.pos[i] = static_cast<llama_pos>(position + i);
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = all || i + 1 == ids.size() ? 1 : 0;
  }
  batch.n_tokens = static_cast<int>(ids.size());
  const bool done = llama_decode(context, batch) == 0;
  llama_batch_free(batch);
  return done;
}

int write_logits(llama_model* model, const std::string& path) {
  std::string line;
  std::getline(std::cin, line);
  const auto ids = ids_of(line);
  llama_context* context = open_context(model, ids.size(), GGML_TYPE_F32);
  if (context == nullptr || !decode(context, ids, 0, true)) return 1;
  std::FILE* out = std::fopen(path.c_str(), "wb");
  const auto width = static_cast<std::size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model)));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::fwrite(llama_get_logits_ith(context, static_cast<int>(i)), sizeof(float), width, out);
  }
  return std::fclose(out);
}

void continue_greedily(llama_model* model, const std::vector<llama_token>& prompt, std::size_t count) {
  const llama_vocab* vocab = llama_model_get_vocab(model);
  llama_context* context = open_context(model, prompt.size() + count, GGML_TYPE_F16);
  std::vector<llama_token> next = prompt;
  std::ostringstream ahead;
  std::size_t position = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!decode(context, next, position, false)) break;
    position += next.size();
    const float* logits = llama_get_logits_ith(context, -1);
    llama_token best = logits[1] > logits[0] ? 1 : 0;
    llama_token second = 1 - best;
    for (llama_token id = 2; id < llama_vocab_n_tokens(vocab); ++id) {
      if (logits[id] > logits[best]) {
        second = best;
        best = id;
      } else if (logits[id] > logits[second]) {
        second = id;
      }
    }
    if (llama_vocab_is_eog(vocab, best)) break;
    std::cout << best << ' ';
    ahead << ' ' << logits[best] - logits[second];
    next = {best};
  }
  std::cout << '|' << ahead.str() << std::endl;
  llama_free(context);
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) return 2;
  const auto quiet = [](ggml_log_level level, const char* text, void*) {
    if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
  };
  llama_log_set(quiet, nullptr);
  llama_backend_init();
  llama_model* model = llama_model_load_from_file(words[2], llama_model_default_params());
  if (model == nullptr) return 3;
  if (std::string(words[1]) == "logits") return write_logits(model, words[3]);
  for (std::string line; std::getline(std::cin, line);) continue_greedily(model, ids_of(line), std::stoul(words[3]));
}
