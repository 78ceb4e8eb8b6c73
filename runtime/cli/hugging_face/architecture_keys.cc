#include "runtime/cli/hugging_face/architecture_keys.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>

namespace linnet::cli::hugging_face {
namespace {

using templates::Kind;

struct Class {
  std::string_view name;  // In config.json's "architectures".
  std::string_view architecture;
  bool turned;
  bool own_head_width;  // The width of a head is a key of its own.
};
constexpr Class kClasses[] = {{"LlamaForCausalLM", "llama", true, false},
                              {"MistralForCausalLM", "llama", true, false},
                              {"Qwen2ForCausalLM", "qwen2", false, false},
                              {"Qwen3ForCausalLM", "qwen3", false, true}};

Result<const Class*> find_class(const JsonObject& config) {
  const auto* list = config.find("architectures");
  const bool named =
      list != nullptr && list->is(Kind::kList) && !list->items().empty() && list->items().front().is(Kind::kString);
  if (!named) return config.malformed("architectures", "names no class");
  const std::string& name = list->items().front().as_string();
  const auto* found = std::ranges::find(kClasses, name, &Class::name);
  if (found != std::end(kClasses)) return found;
  return config.unsupported(name, "cannot be read from safetensors; convert the model to GGUF first");
}

// What would change the arithmetic and has no key.
Result<void> refuse_variants(const JsonObject& config) {
  LINNET_TRY(const std::string activation, config.text_or("hidden_act", "silu"));
  if (activation != "silu") return config.unsupported("hidden_act", "is not silu");
  LINNET_TRY(const auto part, config.number_if_there("partial_rotary_factor"));
  if (part && *part != 1.0F) return config.unsupported("partial_rotary_factor", "is not 1");
  LINNET_TRY(const auto experts, config.count_if_there("num_local_experts"));
  if (experts && *experts > 1) return config.unsupported("num_local_experts", "is more than 1");
  return {};
}

// Writes the keys of one architecture: "<architecture>.<name>".
class KeyWriter {
 public:
  KeyWriter(const JsonObject& config, const Class& kind, gguf::Writer& writer)
      : config_(config), kind_(kind), writer_(writer) {}

  Result<Architecture> run() {
    writer_.set_string("general.architecture", kind_.architecture);
    architecture_.name = kind_.architecture;
    architecture_.turned = kind_.turned;
    LINNET_CHECK(write_sizes());
    LINNET_CHECK(write_heads());
    LINNET_CHECK(write_window());
    LINNET_CHECK(write_rope());
    LINNET_TRY(architecture_.tied_head, config_.flag_or("tie_word_embeddings", false));
    return std::move(architecture_);
  }

 private:
  [[nodiscard]] std::string key(std::string_view name) const {
    return std::string(kind_.architecture) + "." + std::string(name);
  }
  Result<std::uint32_t> copy_count(std::string_view name, std::string_view as) {
    LINNET_TRY(const std::uint32_t count, config_.count(name));
    writer_.set_u32(key(as), count);
    return count;
  }

  Result<void> write_sizes() {
    LINNET_TRY(context_, copy_count("max_position_embeddings", "context_length"));
    LINNET_TRY(width_, copy_count("hidden_size", "embedding_length"));
    LINNET_TRY(architecture_.layers, copy_count("num_hidden_layers", "block_count"));
    LINNET_CHECK(copy_count("intermediate_size", "feed_forward_length"));
    LINNET_TRY(architecture_.vocabulary, copy_count("vocab_size", "vocab_size"));
    LINNET_TRY(const auto epsilon, config_.number_if_there("rms_norm_eps"));
    writer_.set_f32(key("attention.layer_norm_rms_epsilon"), epsilon.value_or(1e-6F));
    return {};
  }

  Result<void> write_heads() {
    LINNET_TRY(architecture_.heads, copy_count("num_attention_heads", "attention.head_count"));
    LINNET_TRY(const auto kv_heads, config_.count_if_there("num_key_value_heads"));
    architecture_.kv_heads = kv_heads.value_or(architecture_.heads);
    if (architecture_.heads == 0 || architecture_.kv_heads == 0)
      return config_.malformed("num_attention_heads", "is no number of heads");
    writer_.set_u32(key("attention.head_count_kv"), architecture_.kv_heads);
    LINNET_TRY(const auto head_width, config_.count_if_there("head_dim"));
    head_width_ = head_width.value_or(width_ / architecture_.heads);
    if (kind_.own_head_width || head_width_ * architecture_.heads != width_) {
      writer_.set_u32(key("attention.key_length"), head_width_);
      writer_.set_u32(key("attention.value_length"), head_width_);
    }
    writer_.set_u32(key("rope.dimension_count"), head_width_);
    return {};
  }

  Result<void> write_window() {
    LINNET_TRY(const bool used, config_.flag_or("use_sliding_window", kind_.name == "MistralForCausalLM"));
    LINNET_TRY(const auto window, config_.count_if_there("sliding_window"));
    if (used && window) writer_.set_u32(key("attention.sliding_window"), *window);
    return {};
  }

  // Older files have rope_theta and rope_scaling, newer ones both in rope_parameters.
  Result<void> write_rope() {
    const JsonObject parameters = config_.object("rope_parameters");
    LINNET_TRY(const auto theta, config_.number_if_there("rope_theta"));
    LINNET_TRY(const auto newer_theta, parameters.number_if_there("rope_theta"));
    base_ = newer_theta.value_or(theta.value_or(10000.0F));
    writer_.set_f32(key("rope.freq_base"), base_);
    const JsonObject scaling = config_.find("rope_scaling") != nullptr ? config_.object("rope_scaling") : parameters;
    LINNET_TRY(const std::string older_type, scaling.text_or("type", "default"));
    LINNET_TRY(const std::string type, scaling.text_or("rope_type", older_type));
    if (type == "default") return {};
    if (type == "llama3") return read_llama3(scaling);
    if (type != "linear" && type != "yarn") return config_.unsupported("rope_type", "is " + gguf::quoted(type));
    return write_scaling(scaling, type);
  }

  Result<void> write_scaling(const JsonObject& scaling, const std::string& type) {
    LINNET_TRY(const auto factor, scaling.number_if_there("factor"));
    if (!factor) return scaling.malformed("factor", "is missing");
    writer_.set_string(key("rope.scaling.type"), type);
    writer_.set_f32(key("rope.scaling.factor"), *factor);
    LINNET_TRY(const auto original, scaling.count_if_there("original_max_position_embeddings"));
    writer_.set_u32(key("rope.scaling.original_context_length"), original.value_or(context_));
    if (type != "yarn") return {};
    constexpr std::pair<std::string_view, std::string_view> kNumbers[] = {{"beta_fast", "rope.scaling.yarn_beta_fast"},
                                                                          {"beta_slow", "rope.scaling.yarn_beta_slow"}};
    for (const auto& [name, as] : kNumbers) {
      LINNET_TRY(const auto number, scaling.number_if_there(name));
      if (number) writer_.set_f32(key(as), *number);
    }
    for (const std::string_view name : {"attention_factor", "mscale", "mscale_all_dim"}) {
      if (scaling.find(name) != nullptr) return scaling.unsupported(name, "is not converted");
    }
    return {};
  }

  // Divisors of the frequencies: 1 for fast ones, `factor` for slow ones, and between by how slow. Source:
  // transformers' _compute_llama3_parameters; in float32, as it computes.
  Result<void> read_llama3(const JsonObject& scaling) {
    LINNET_TRY(const auto factor, scaling.number_if_there("factor"));
    LINNET_TRY(const auto low, scaling.number_if_there("low_freq_factor"));
    LINNET_TRY(const auto high, scaling.number_if_there("high_freq_factor"));
    LINNET_TRY(const auto original, scaling.number_if_there("original_max_position_embeddings"));
    if (!factor || !low || !high || !original || !(*high > *low) || !(*low > 0.0F))
      return scaling.malformed("llama3", "lacks a factor");
    for (std::uint32_t i = 0; i < head_width_; i += 2) {
      const float turn = static_cast<float>(i) / static_cast<float>(head_width_);
      const float wavelength = 2.0F * std::numbers::pi_v<float> * std::pow(base_, turn);
      const float smooth = std::clamp((*original / wavelength - *low) / (*high - *low), 0.0F, 1.0F);
      architecture_.rope_factors.push_back(1.0F / ((1.0F - smooth) / *factor + smooth));
    }
    return {};
  }

  const JsonObject& config_;
  const Class& kind_;
  gguf::Writer& writer_;
  Architecture architecture_;
  std::uint32_t context_ = 0;
  std::uint32_t width_ = 0;
  std::uint32_t head_width_ = 0;
  float base_ = 10000.0F;
};

}  // namespace

Result<Architecture> write_architecture(const JsonObject& config, gguf::Writer& writer) {
  LINNET_TRY(const Class* kind, find_class(config));
  LINNET_CHECK(refuse_variants(config));
  return KeyWriter(config, *kind, writer).run();
}

}  // namespace linnet::cli::hugging_face
