// A model as a program: a flat list of operations over named buffers.
//
// An architecture file writes it from hyper-parameters; the memory planner, the executors, `linnet info --plan` and the
// per-operation profile read it. It knows nothing of formats, threads, batches or addresses. Rows are the tokens of a
// step: every buffer has one row a token (or one a requested output, after SelectOutputs), so no operation carries a
// batch size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace linnet::models {

// Indices into Program::weights, buffers, states, rotations.
enum class WeightId : std::uint32_t {};
enum class BufferId : std::uint32_t {};
enum class StateId : std::uint32_t {};
enum class RotationId : std::uint32_t {};

// What a tensor is used for decides how it lies in a packed file.
enum class WeightUse : std::uint8_t {
  kVector,  // Norm weights, biases: float, [columns], or [rows, columns] where there is one for each of several.
  kMatrix,  // Multiplied: panels where its format has them.
  kTable,   // Looked up by row only: row-major, and not counted in the memory budget (only its touched pages are).
};

// The part of a tensor's groups that is a weight of its own, where a file keeps two in one tensor.
struct Cut {
  std::size_t first_row = 0;
  std::size_t rows_a_group = 0;  // Of the tensor.
  bool transposed = false;       // The tensor's rows are this weight's columns: it is copied at load.
};

// A tensor the program reads: [rows, columns], row-major as GGUF means it (columns contiguous), or several matrices of
// that shape, one behind the other.
struct Weight {
  std::string name;  // As in the file: "blk.0.attn_q.weight".
  std::size_t rows = 1;
  std::size_t columns = 0;
  WeightUse use = WeightUse::kMatrix;
  std::size_t groups = 1;          // [groups, rows, columns]: experts, or heads.
  std::size_t groups_a_token = 1;  // That one token reads: of experts, those it is routed to.
  std::optional<Cut> cut = {};
};

// What a buffer has one row for.
enum class RowsOf : std::uint8_t { kTokens, kOutputs };

// A float buffer [rows, width] that lives from its first writer to its last reader; the planner overlays buffers by
// liveness.
struct Buffer {
  std::string name;  // "hidden", "query": shown by the profile.
  std::size_t width = 0;
  RowsOf rows = RowsOf::kTokens;
};

// What a sequence keeps between steps: keys and values, [positions, kv_heads, width] each.
struct KvCache {
  std::size_t kv_heads = 0;
  std::size_t key_width = 0;  // Numbers a head and position.
  std::size_t value_width = 0;
  bool values_in_keys = false;  // Values are the first numbers of the keys (latent attention), and not kept twice.
  std::size_t window = 0;       // Positions that a query sees at most, its own among them; 0: all. Older ones are lost.

  // Numbers that are kept of a head and position.
  [[nodiscard]] std::size_t kept_width() const { return key_width + (values_in_keys ? 0 : value_width); }
};

// What a sequence keeps as a whole: numbers that every step reads and writes over, all 0 at the sequence's start. What
// they were before a step is lost.
struct Recurrent {
  std::size_t numbers = 0;  // Float32.
};

using State = std::variant<KvCache, Recurrent>;

// How a rotation is slowed down for contexts longer than those of the training.
struct Stretch {
  enum class Kind : std::uint8_t { kNone, kLinear, kYarn };
  Kind kind = Kind::kNone;
  double factor = 1.0;               // Frequencies are divided by it: all of them, or (YaRN) the slow ones.
  std::size_t original_context = 0;  // YaRN: positions of the training,
  double fast_turns = 32.0;          // in which pairs that turn more often stay as they are,
  double slow_turns = 1.0;           // and those that turn less often are divided;
  bool whole_pairs = true;           // the bounds between them are rounded outwards to whole pairs.
};

// A table of rotary angles; layers that rotate alike share one.
struct Rotation {
  std::size_t dimensions = 0;  // Rotated numbers a head, the first ones; even.
  double base = 10000.0;       // theta: pair i turns by position * base^(-2 i / dimensions).
  bool interleaved = false;    // Pairs are (2i, 2i + 1) where true (Llama's GGUF order), else (i, i + dimensions / 2).
  std::string factors;         // Name of an optional tensor of divisors [dimensions / 2], or empty.
  Stretch stretch = {};
  float magnitude = 1.0F;  // Every cosine and sine is multiplied by it.
};

// --- Operations. Inputs first, then what they produce. ---

// Which row of a table a row of the step looks up.
enum class Lookup : std::uint8_t { kToken, kPosition, kFirst };

// out[row] = table[token of row, its position, or the first row] * scale
struct Embed {
  WeightId table;
  BufferId out;
  float scale = 1.0F;
  Lookup by = Lookup::kToken;
};

// in_out += other
struct Add {
  BufferId other;
  BufferId in_out;
};

// out = (in - mean(in)) / sqrt(variance(in) + epsilon) * weight + bias. In place where in == out.
struct LayerNorm {
  BufferId in;
  WeightId weight;  // [width]
  WeightId bias;    // [width]
  BufferId out;
  float epsilon = 1e-12F;
};

// in_out = x / 2 * (1 + erf(x / sqrt(2))), elementwise.
struct Gelu {
  BufferId in_out;
};

// Each of `groups` equal parts of a row: out = in / sqrt(mean(in^2) + epsilon) * weight. In place where in == out.
struct RmsNorm {
  BufferId in;
  WeightId weight;  // [width]
  BufferId out;
  float epsilon = 1e-6F;
  std::size_t groups = 1;  // Heads, for the per-head norms of Qwen3.
  std::size_t width = 0;   // Numbers of a part, the first ones; 0: all. Less only in place: those behind them stay.
};

// Each of `parts` equal parts of a row from `first` on: x = x * scale / sqrt(sum(x^2) + epsilon), in place.
struct UnitNorm {
  BufferId in_out;
  std::size_t first = 0;
  std::size_t parts = 1;
  std::size_t width = 0;  // Of a part.
  float epsilon = 1e-6F;
  float scale = 1.0F;
};

// Each of `parts` equal parts of a row: its first numbers go to `first`, those behind them to `second`.
struct Split {
  BufferId in;
  BufferId first;
  BufferId second;
  std::size_t parts = 1;
};

// One product of a MatMul: out = in * weight^T (+ bias), or out += that.
struct Projection {
  WeightId weight;               // [out width, in width]
  std::optional<WeightId> bias;  // [out width]
  BufferId out;
  bool accumulate = false;
};

// Projections of one input: its activations are quantised once for all of them (Q, K, V; gate and up), to as many int8
// numbers each as `terms` says, the second being what the first leaves.
struct MatMul {
  BufferId in;
  std::vector<Projection> projections;
  std::size_t terms = 1;
};

// Of the inputs of Q, K, V and of the output head: there the rounding of one int8 number costs the most
// (docs/decisions/0007-inputs-in-two-terms.md).
inline constexpr std::size_t kFineTerms = 2;

// Rotates every head of each row by its position, in place.
struct Rotate {
  BufferId in_out;  // [heads * head_width]
  RotationId rotation;
  std::size_t heads = 0;
  std::size_t first = 0;  // Numbers of a head before those that turn.
};

// Which positions a query sees.
enum class Mask : std::uint8_t {
  kCausal,  // Those up to its own.
  kNone,    // All of its sequence, which must come in one step.
};

// Stores the rows' keys and values in the state, then out = softmax(scale * q k^T) v, each query head with its group's
// KV head.
struct Attend {
  BufferId query;                 // [heads * key_width]
  BufferId key;                   // [kv_heads * key_width]
  std::optional<BufferId> value;  // [kv_heads * value_width]; none where the cache finds values in keys
  StateId cache;
  BufferId out;  // [heads * value_width]
  std::size_t heads = 0;
  float scale = 1.0F;
  Mask mask = Mask::kCausal;
  std::optional<WeightId> sinks = {};  // [heads]: the score of one more position, which has no value.
};

// A causal convolution of each channel with itself over the newest tokens: in_out = silu(sum of weight * in).
struct ShortConvolution {
  BufferId in_out;  // [channels]
  WeightId weight;  // [channels, taps], the oldest first
  StateId state;    // (taps - 1) * channels: the numbers of the tokens before.
};

// The gated delta rule (Yang et al. 2024): each value head keeps a matrix that forgets by decay = e^(scale * softplus(
// in + bias)), learns by rate = sigmoid(in) what value the token's key means, and is asked by its query. Value head h
// has the key head h mod key_heads.
struct GatedDelta {
  BufferId mixed;        // [key_heads * key_width] queries, as many keys, [value_heads * value_width] values
  BufferId decay;        // [value_heads]
  BufferId rate;         // [value_heads]
  WeightId decay_bias;   // [value_heads]
  WeightId decay_scale;  // [value_heads], negative
  StateId state;         // value_heads * key_width * value_width
  BufferId out;          // [value_heads * value_width]
  std::size_t key_heads = 0;
  std::size_t key_width = 0;
};

// How scores become the gates of experts.
enum class Gating : std::uint8_t {
  kSoftmax,  // Over all experts.
  kSigmoid,  // Each for itself.
};

// Chooses experts for each row: gate = gating(scores); the `chosen` experts of the largest gate + bias, in the best
// groups alone; their gates, divided by their sum where they are to be normalised, times `scale`. Equal ones: the lower
// id. A group is worth its best gate + bias (DeepSeek-V2) or, with sigmoids, its best two together (DeepSeek-V3).
struct Route {
  BufferId scores;               // [experts]; used up.
  std::optional<WeightId> bias;  // [experts]: of the choice, not of the gates.
  BufferId experts;              // [chosen]: ids, whole numbers, the best first.
  BufferId gates;                // [chosen]
  Gating gating = Gating::kSoftmax;
  bool normalised = false;
  float scale = 1.0F;
  std::size_t groups = 1;  // Equal runs of experts, of which
  std::size_t groups_used = 1;
};

// For each chosen expert e of a row: out part = in * weight[e]^T; the rows are sorted by expert, and no other expert's
// weights are read. `in` is one row for all of them ([columns]) or a part each ([chosen * columns]).
struct ExpertMatMul {
  BufferId in;
  BufferId experts;                     // [chosen]
  std::vector<Projection> projections;  // weight [experts, rows, columns], bias [experts, rows], out [chosen * rows];
                                        // no sum
};

// in_out += sum of gates[i] * parts[i], i ascending, one fma each.
struct Combine {
  BufferId parts;   // [chosen * width]
  BufferId gates;   // [chosen]
  BufferId in_out;  // [width]
};

// For each head h: out part = the first `columns` numbers of the in part * weight[h]^T, and behind it the other numbers
// of the in part as they are.
struct HeadMatMul {
  BufferId in;            // [heads * (columns + others)]
  Projection projection;  // weight [heads, rows, columns], out [heads * (rows + others)]; neither bias nor sum
};

// out = silu(gate) * up, elementwise.
struct SiluMultiply {
  BufferId gate;
  BufferId up;
  BufferId out;
};

// in_out = in_out * sigmoid(gate), elementwise.
struct SigmoidMultiply {
  BufferId gate;
  BufferId in_out;
};

// out = (up + 1) * gate * sigmoid(slope * gate), elementwise, gate at most `limit` and up within +-limit (gpt-oss).
struct ClampedSwiglu {
  BufferId gate;
  BufferId up;
  BufferId out;
  float slope = 1.702F;
  float limit = 7.0F;
};

// out = the rows of `in` whose logits were asked for, in order. `out` has RowsOf::kOutputs.
struct SelectOutputs {
  BufferId in;
  BufferId out;
};

using Operation = std::variant<Embed, Add, RmsNorm, LayerNorm, UnitNorm, Split, MatMul, Rotate, Attend,
                               ShortConvolution, GatedDelta, Route, ExpertMatMul, Combine, HeadMatMul, SiluMultiply,
                               SigmoidMultiply, ClampedSwiglu, Gelu, SelectOutputs>;

// How an encoder's outputs, one row a token, become one embedding of a text.
enum class Pooling : std::uint8_t { kMean, kFirst };

// An operation and what the profile calls it: "blk.3 attention".
struct Step {
  std::string name;
  Operation operation;
};

// The whole model. `logits` is the last buffer written, [outputs, vocabulary]; an encoder's is [outputs, width].
struct Program {
  std::string architecture;
  std::size_t vocabulary = 0;
  std::size_t context_length = 0;  // Positions the model was trained for.
  std::vector<Weight> weights;
  std::vector<Buffer> buffers;
  std::vector<State> states;
  std::vector<Rotation> rotations;
  std::vector<Step> steps;
  BufferId logits{};
  std::vector<std::string> unread;  // Starts of the names of tensors that a file may have beside these ("blk.24.").
  std::optional<Pooling> pooling;   // Only an encoder has it: it gives embeddings, and reads a text in one step.
};

// The buffers that an operation reads, and those that it writes (an updated buffer is in both), for liveness.
[[nodiscard]] std::vector<BufferId> reads(const Operation& operation);
[[nodiscard]] std::vector<BufferId> writes(const Operation& operation);

// Checks that the program hangs together: indices in range, widths that match, every buffer written before it is read.
// Returns the first fault as one line, or nothing. Architecture files are tested with it; hostile files cannot reach
// past it.
[[nodiscard]] std::optional<std::string> fault_of(const Program& program);

}  // namespace linnet::models
