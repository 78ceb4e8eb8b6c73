#include "runtime/cli/help.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace linnet::cli {
namespace {

constexpr HelpPage kProgram{
    "linnet", "Runs quantised language models on small boards, inside a memory budget that is known beforehand.",
    "linnet COMMAND [OPTIONS]",
    R"(Each command explains itself: linnet COMMAND --help

Exit codes:
  0  done                              4  does not fit in memory or on disk
  2  wrong usage                       5  a file or the network failed
  3  bad or unsupported model          6  refused by policy or permission
  130  interrupted

Environment:
  LINNET_KERNEL=FAMILY=VARIANT[,…]  forces kernel variants, such as matmul=scalar (for tests and comparison)
  XDG_CACHE_HOME                    where packed models are kept (in linnet/); default ~/.cache
)"};

constexpr HelpPage kRun{
    "run", "Completes one prompt; prints the generated text as it comes.",
    "linnet run -m MODEL.gguf [-p TEXT | < TEXT] [OPTIONS]",
    R"(The prompt becomes the user's message of the chat template in the model file; --raw, or a model without a
template, takes it as it is. Only what the model generates is printed, without the prompt. A model that carries
a grammar (key linnet.grammar) answers in that form and no other, unless --no-grammar; --schema forces JSON that a
JSON Schema accepts.

What a reasoning model thinks before it answers is written to standard error; --reasoning hide leaves it out, off
asks the model not to think, and --max-reasoning-tokens ends the thoughts.

A plain quantised GGUF is first rewritten in the order that the kernels read, once, into the cache directory;
later starts map that file. F32, F16 and packed files are mapped as they are.

With --json one object is printed at the end: text, reasoning (or null), tokens (ids), prompt_tokens, finish
(stop: the model ended; length: -n or the context was reached), seed, timings (load_ms, first_token_ms, prefill
and decode tokens/s), memory (anonymous_bytes, mapped_bytes) and confidence (geometric mean probability of the
answer's tokens that no grammar forced).

Examples:
  linnet run -m models/pilot/pilot-int4.gguf -p 'turn off the lights in the bedroom'
  linnet run -m story.gguf --raw --temp 0.8 --top-p 0.95 --seed 7 -n 200 -p 'Once upon a time'
  linnet run -m chat.gguf --system 'Answer in one sentence.' --json < question.txt
)"};

constexpr HelpPage kChat{
    "chat", "A conversation on the terminal.", "linnet chat -m MODEL.gguf [OPTIONS]",
    R"(Type a line, read the answer. Ctrl-C stops an answer; at the prompt it leaves, as Ctrl-D does.
  /reset   forgets the conversation (the system message stays)
  /exit    leaves

Example:
  linnet chat -m chat.gguf --system 'You are a terse assistant.'
)"};

constexpr HelpPage kTokenize{
    "tokenize", "Turns text into token ids.", "linnet tokenize -m MODEL.gguf [--text TEXT | < TEXT] [OPTIONS]",
    R"(Prints the ids separated by spaces. Standard input is one text, every byte of it; with --lines, one text a line.
The model's own special tokens (beginning or end of text) are added unless --no-special. A file that holds a
vocabulary and no weights is enough.

Examples:
  linnet tokenize -m model.gguf --text 'Hello world'
  linnet tokenize -m model.gguf --lines --no-special < corpus.txt
)"};

constexpr HelpPage kTemplate{
    "template", "Renders a conversation with a chat template.",
    "linnet template (-m MODEL.gguf | --file TEMPLATE.jinja | --template NAME) --messages MESSAGES.json [OPTIONS]",
    R"(Prints the prompt, byte for byte, with nothing added. MESSAGES.json is an array of objects with role and content
(and whatever else the template reads); - is standard input. From a model file the template, BOS and EOS are
taken.

Example:
  echo '[{"role": "user", "content": "hi"}]' | linnet template -m chat.gguf --messages -
)"};

constexpr HelpPage kLogits{"logits", "Writes the logits of every position, for conformance checks.",
                           "linnet logits -m MODEL.gguf --tokens ID[,ID…] -o OUT.npy [OPTIONS]",
                           R"(OUT.npy is a NumPy array [tokens, vocabulary] of float32 in C order.

Example:
  linnet logits -m model.gguf --tokens 1,15043,3186 -o logits.npy
)"};

constexpr HelpPage kEmbed{
    "embed", "Turns texts into vectors whose cosine tells how alike they are.",
    "linnet embed -m MODEL.gguf [--text TEXT | < TEXT] [OPTIONS]",
    R"(MODEL.gguf is an encoder (BERT). Prints one vector a text, its numbers separated by spaces; every vector has length
1, so that the cosine of two is their product. Standard input is one text, or with --lines one text a line. -o
writes a NumPy array [texts, dimensions] of float32. --json prints texts, tokens, dimensions and, without -o,
embeddings.

Examples:
  linnet embed -m all-minilm.gguf --text 'turn off the lights'
  linnet embed -m all-minilm.gguf --lines -o vectors.npy < sentences.txt
)"};

constexpr HelpPage kQuantize{
    "quantize", "Converts float weights to INT8 or INT4, offline.",
    "linnet quantize IN.gguf -o OUT.gguf --type TYPE [OPTIONS]",
    R"(IN.gguf holds F32, F16 or BF16 weights; IN.gguf.zst is unpacked as it is read. Matrices become TYPE, rounded to
the nearest value with the scale that makes the error of each block least; embeddings and output head become Q8_0,
vectors F32. The error of each tensor is printed: root mean square of the differences over that of the weights.
OUT.gguf appears complete or not at all.

With --calibration the engine reads the texts with the float weights, and what counts is the error of each layer's
output (printed too): gptq makes each column's rounding good by the next ones, awq multiplies columns by factors that
the layer before takes back. The file stays a plain GGUF. docs/quantisation.md has what each method loses.

Example:
  linnet quantize model-f16.gguf -o model-q4_0.gguf --type q4_0
  linnet quantize model-f16.gguf -o model-q4_0.gguf --type q4_0 --calibration texts.jsonl
)"};

constexpr HelpPage kPack{
    "pack", "Rewrites a GGUF in the order that the kernels read.", "linnet pack IN.gguf -o OUT.gguf [OPTIONS]",
    R"(OUT.gguf is again a valid GGUF; it is mapped and runs without any preparation, on every board. Integers and
scales are kept as they are: linnet unpack gives them back. OUT.gguf appears complete or not at all. Tensors of a
type that no kernel reads (Q2_K, Q3_K, Q8_K, IQ4_XS, MXFP4, TQ1_0, TQ2_0) become the nearest one that a kernel
does; what became what is printed.

Example:
  linnet pack model-q4_0.gguf -o model.linnet.gguf
)"};

constexpr HelpPage kUnpack{
    "unpack", "Gives back the plain GGUF that a packed file was made from.", "linnet unpack IN.gguf -o OUT.gguf",
    R"(Every tensor has the bytes that it had before linnet pack, and other GGUF readers can use the file.

Example:
  linnet unpack model.linnet.gguf -o model.gguf
)"};

constexpr HelpPage kMakeModel{
    "make-model", "Writes a model of real shapes with random weights, for speed and memory measurements.",
    "linnet make-model --like SHAPE --type TYPE -o OUT.gguf [OPTIONS]",
    R"(The weights come from a seed and the vocabulary is synthetic: speed and memory do not depend on the values. The
file is valid for other GGUF readers too.

Example:
  linnet make-model --like qwen2.5-0.5b --type q4_0 -o /tmp/half.gguf && linnet bench -m /tmp/half.gguf
)"};

constexpr HelpPage kInfo{
    "info", "Shows what a model file is, what it needs, and whether it fits this machine.",
    "linnet info MODEL.gguf [OPTIONS]",
    R"(Without options: architecture, size, formats, metadata and tensors. --plan shows the memory plan for --ctx
positions, row by row, beside what this machine has free. --verify reads the whole file and checks the hash of
every tensor of a packed file.

Examples:
  linnet info model.gguf
  linnet info model.gguf --plan --ctx 4096
  linnet info model.linnet.gguf --verify
)"};

constexpr HelpPage kBench{
    "bench", "Measures prefill and decode speed, start-up and memory.", "linnet bench -m MODEL.gguf [OPTIONS]",
    R"(Speeds are medians of the repeats after one warm-up. Tokens are given, not sampled. -d fills the context with
that many positions before each measurement; -b decodes that many sequences together and reports their total.
The first token is timed from the start of loading, in the warm-up, after a prompt of -p tokens.

Keys of --json: prefill_tokens_per_second, decode_tokens_per_second, load_ms, first_token_ms, anonymous_bytes,
mapped_bytes, heap_allocations_per_token (null unless the counting allocator is loaded with LD_PRELOAD). Between
the repeats the processor's own limits are measured, with at most 256 MiB: read_bandwidth_gb_s, int8_peak_gop_s (by
the fastest instruction, AMX where there is; LINNET_KERNEL=limits=avx512_vnni measures another one; a multiply-add
counts as two operations), and the shares that the model reached, decode_fraction_of_bandwidth and
prefill_fraction_of_peak. They are null with --no-limits and on a GPU.

--profile adds, for prefill and decode, a line an operation (all layers together): its share of the time, the weights
and cache that it reads, what it computes, each a second and as a share of the limit. In --json: profile.prefill and
profile.decode, objects of operation, ms, share, calls, bytes, multiply_adds (of a repeat), gb_s, gop_s,
fraction_of_bandwidth, fraction_of_peak. multiply_adds are those of products and
attention; other operations have time alone.

Examples:
  linnet bench -m model.gguf -p 512 -n 64 --threads 2
  linnet bench -m model.gguf --profile
)"};

constexpr HelpPage kEval{
    "eval", "Measures a model's quality on a data set.", "linnet eval -m MODEL.gguf --data DATA.jsonl [OPTIONS]",
    R"(--metric intent: each line has text, intent and entities (type, value); the model's answer is a JSON object with
intent and slots. Entities are compared as a multiset of (type, value); key order and white space do not count,
and an answer that cannot be parsed scores nothing. Keys: n, intent_accuracy, entity_f1 (micro), exact_match,
valid_json (share of answers that parse; grammar_forced says whether a grammar forced it), threshold_99 (the lowest
confidence from which on 99 % of the answers are exact; confidence as in run), coverage_99 (the share of answers that
reach it), tokens_per_second.

--metric ppl: each line has text. It is read in windows of --ctx positions (default 512), each of which starts
afresh with the last token of the one before: every token but a text's first is scored once. Keys: n_tokens,
perplexity, mean_nll (nats a token).

Examples:
  linnet eval -m models/pilot/pilot-int4.gguf --data val.jsonl
  linnet eval -m model.gguf --data text.jsonl --metric ppl --ctx 1024 --json
)"};

constexpr HelpPage kDoctor{
    "doctor", "Shows what this board is, what it can do, and which models that is enough for.",
    "linnet doctor [OPTIONS]",
    R"(Board, cores, the kernels that were chosen; reading memory and multiplying INT8, measured in a second or two (medians of
five, with the lowest and the highest); memory that is there for a model, and what reading ahead, locking and huge pages
cost; temperatures with the headroom to where the
board slows down; power; GPIO lines; GPU; the broker of linnetd's configuration. Last, for models of the usual
sizes: whether they fit with 4,096 positions, how fast they decode, and the longest context.

The speed of a model is foretold from the bytes that a token reads and the rate at which this machine's kernels go
through them; linnet bench measures it. What a board does not tell is absent, never 0.

Examples:
  linnet doctor
  linnet doctor --quick --json
  linnet doctor --record /tmp/my-board && linnet doctor --board /tmp/my-board
)"};

constexpr HelpPage kCtl{"ctl", "Asks and watches devices that run linnetd, over MQTT.", "linnet ctl ACTION [OPTIONS]",
                        R"(Each action explains itself: linnet ctl ACTION --help

The broker, the device and this client's name come from options, else from the environment (LINNET_CTL_HOST,
LINNET_CTL_NODE, …), else from a file of settings, by the same names:
  host = "broker.example"
  ca = "ca.crt"
  certificate = "panel.crt"
  key = "panel.key"
  node = "kitchen"

A request that nobody accepts is sent again under its id, chunks that were lost are asked for again, the answer's
hash is checked. Ctrl-C cancels the request on the device. Exit codes are those of linnet: 6 where the device or
the broker refuses.

Examples:
  linnet ctl infer --node kitchen -p 'turn off the lights in the bedroom'
  linnet ctl watch --node kitchen
  linnet ctl watch --group home
  linnet ctl keys certificates kitchen panel
)"};

constexpr std::array kPages = {kProgram, kRun,    kChat,      kTokenize, kTemplate, kLogits, kEmbed,  kQuantize,
                               kPack,    kUnpack, kMakeModel, kInfo,     kBench,    kEval,   kDoctor, kCtl};

}  // namespace

const HelpPage& help_page(std::string_view name) {
  const auto* const page = std::ranges::find(kPages, name, &HelpPage::name);
  assert(page != kPages.end());
  return *page;
}

}  // namespace linnet::cli
