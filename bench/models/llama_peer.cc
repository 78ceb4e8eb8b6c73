// A program over llama.cpp's library that says what it computes: logits of a sequence, or greedy continuations.
//
//   llama_peer logits MODEL OUT CACHE < ids            float32 [ids, vocabulary] to OUT
//   llama_peer greedy MODEL OUT CACHE COUNT < lines    a line of ids each: COUNT more ids, fewer where one ends the
//                                                      text; float32 [ids and the end, vocabulary] of all to OUT
//   llama_peer losses MODEL OUT CACHE < lines          a line of ids each: the sum of -log p of all but the first
//   llama_peer vectors MODEL OUT CACHE < lines         of an encoder: float32 [lines, width], pooled as the file says
//
// CACHE is f16 or f32: how keys and values are kept.
//
// It is no part of the build: llama_cpp.py compiles it.
#include <llama.h>

#include <algorithm>
#include <cmath>
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

int write_logits(llama_model* model, std::FILE* out, ggml_type cache) {
  std::string line;
  std::getline(std::cin, line);
  const auto ids = ids_of(line);
  llama_context* context = open_context(model, ids.size(), cache);
  if (context == nullptr || !decode(context, ids, 0, true)) return 1;
  const auto width = static_cast<std::size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model)));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::fwrite(llama_get_logits_ith(context, static_cast<int>(i)), sizeof(float), width, out);
  }
  return 0;
}

void continue_greedily(llama_model* model, const std::vector<llama_token>& prompt, std::size_t count, std::FILE* out,
                       ggml_type cache) {
  const llama_vocab* vocab = llama_model_get_vocab(model);
  const auto width = static_cast<std::size_t>(llama_vocab_n_tokens(vocab));
  llama_context* context = open_context(model, prompt.size() + count, cache);
  std::vector<llama_token> next = prompt;
  std::size_t position = 0;
  for (std::size_t i = 0; i < count && decode(context, next, position, false); ++i) {
    position += next.size();
    const float* logits = llama_get_logits_ith(context, -1);
    std::fwrite(logits, sizeof(float), width, out);
    next = {static_cast<llama_token>(std::max_element(logits, logits + width) - logits)};
    if (llama_vocab_is_eog(vocab, next.front())) break;
    std::cout << next.front() << ' ';
  }
  std::cout << std::endl;
  llama_free(context);
}

// -log of the probability that `logits` give to `id`.
double loss(const float* logits, std::size_t width, llama_token id) {
  const double largest = *std::max_element(logits, logits + width);
  double sum = 0;
  for (std::size_t i = 0; i < width; ++i) sum += std::exp(static_cast<double>(logits[i]) - largest);
  return std::log(sum) + largest - static_cast<double>(logits[id]);
}

void print_loss(llama_model* model, const std::vector<llama_token>& ids, ggml_type cache) {
  const auto width = static_cast<std::size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model)));
  llama_context* context = open_context(model, ids.size(), cache);
  if (!decode(context, ids, 0, true)) std::exit(5);
  double sum = 0;
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
    sum += loss(llama_get_logits_ith(context, static_cast<int>(i)), width, ids[i + 1]);
  }
  std::cout << sum << std::endl;
  llama_free(context);
}

void write_vector(llama_model* model, const std::vector<llama_token>& ids, std::FILE* out) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = static_cast<std::uint32_t>(ids.size());
  params.n_threads = params.n_threads_batch = 1;
  params.embeddings = true;
  llama_context* context = llama_init_from_model(model, params);
  if (!decode(context, ids, 0, true)) std::exit(5);
  std::fwrite(llama_get_embeddings_seq(context, 0), sizeof(float), static_cast<std::size_t>(llama_model_n_embd(model)),
              out);
  llama_free(context);
}

}  // namespace

int main(int count, char** words) {
  if (count < 5) return 2;
  const auto quiet = [](ggml_log_level level, const char* text, void*) {
    if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
  };
  llama_log_set(quiet, nullptr);
  llama_backend_init();
  llama_model* model = llama_model_load_from_file(words[2], llama_model_default_params());
  if (model == nullptr) return 3;
  std::FILE* out = std::fopen(words[3], "wb");
  if (out == nullptr) return 4;
  const ggml_type cache = std::string(words[4]) == "f32" ? GGML_TYPE_F32 : GGML_TYPE_F16;
  if (std::string(words[1]) == "logits") return write_logits(model, out, cache) | std::fclose(out);
  std::cout.precision(12);
  for (std::string line; std::getline(std::cin, line);) {
    if (std::string(words[1]) == "losses") print_loss(model, ids_of(line), cache);
    if (std::string(words[1]) == "vectors") write_vector(model, ids_of(line), out);
    if (std::string(words[1]) == "greedy") continue_greedily(model, ids_of(line), std::stoul(words[5]), out, cache);
  }
  return std::fclose(out);
}
