// `linnet info`: what a model file is, what it needs, whether it fits this machine.
#include <algorithm>

#include "models/pack/blake2b.h"
#include "models/pack/conversion.h"
#include "models/pack/pack.h"
#include "models/registry.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/json_writer.h"
#include "runtime/cli/model_summary.h"
#include "runtime/cli/open_model.h"
#include "runtime/cli/progress.h"

namespace linnet::cli {
namespace {

// What the engine would take, and whether that is there.
struct Forecast {
  Result<engine::MemoryPlan> plan;
  std::optional<Bytes> budget;  // --mem-budget, else what is available.
  bool budget_is_asked = false;

  [[nodiscard]] bool fits() const { return plan && (!budget || engine::check_budget(*plan, *budget)); }
};

Forecast forecast_of(const ModelFile& file, const ModelOptions& options, const Machine& machine) {
  const auto engine_options = cli::engine_options(file, options, machine, {});
  return {engine::Engine::plan(*file.header, engine_options), engine_options.memory_budget,
          options.memory_budget.has_value()};
}

Result<std::size_t> verify_hashes(const ModelFile& file, const Console& console) {
  pack::Blake2b hasher;
  ProgressBar bar(console, "verifying");
  const auto progress = [&](std::uint64_t done, std::uint64_t all) {
    bar.update(done, all);
    return !console.stop_requested();
  };
  auto verified = pack::verify(*file.header, hasher, progress);
  if (!verified) return tl::unexpected(with_context(file.path, verified.error()));
  return verified;
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

// What comes of running it, from the program that it makes; nothing where it makes none.
std::string purpose(const ModelFile& file, const pack::PackedView& tensors) {
  const auto program = models::read_program({*file.header, tensors});
  if (!program) return "";
  const std::string length = std::to_string(program->context_length);
  if (!program->pooling) return "  gives         text; made for " + length + " positions\n";
  const std::size_t width = program->buffers[static_cast<std::size_t>(program->logits)].width;
  return "  gives         embeddings of " + std::to_string(width) + " numbers, of texts of at most " + length +
         " tokens\n";
}

// What becomes of the file before it first runs.
std::string preparation(const ModelSummary& summary, const pack::PackedView& tensors) {
  if (!tensors.needs_packing()) return "";
  std::string text = "Packed once, at its first run, into the cache directory";
  for (const pack::Conversion& conversion : pack::conversions()) {
    const std::string_view name = gguf::info(conversion.from).name;
    if (!summary.formats.contains(name)) continue;
    text += "; " + std::string(name) + " becomes " + std::string(kernels::info(conversion.to).name) +
            (conversion.keeps_weights ? "" : ", which rounds it");
  }
  return text + ".\n";
}

std::string heading(const ModelFile& file, const ModelSummary& summary) {
  std::string text =
      file.path + "\n  architecture  " + (summary.architecture.empty() ? "-" : printable(summary.architecture));
  if (!summary.name.empty()) text += "\n  name          " + printable(summary.name);
  text += "\n  parameters    " + count_text(summary.parameters) + "\n  file          " + to_string(summary.file_size) +
          (summary.packed ? ", packed for the kernels" : "") + "\n";
  for (const auto& [format, share] : summary.formats) {
    text += "  " + padded(std::string(format), 14) + std::to_string(share.tensors) + " tensors, " +
            count_text(share.weights) + " weights, " + to_string(share.size) + "\n";
  }
  return text;
}

// "Weights: 92.1 MiB read by every token."
std::string cost(const engine::MemoryPlan& plan) {
  const auto row = std::ranges::find(plan.rows, "weights", &engine::MemoryRow::name);
  return row == plan.rows.end() ? "" : "Weights: " + row->detail + ".\n";
}

std::string verdict(const Forecast& forecast) {
  if (!forecast.plan) return "\nCannot be run: " + forecast.plan.error().message + "\n";
  const std::string available =
      !forecast.budget ? "an unknown amount is available"
                       : to_string(*forecast.budget) +
                             (forecast.budget_is_asked ? " are allowed" : " are available on this machine");
  const engine::DeviceReport& device = forecast.plan->device;
  return "\nNeeds " + to_string(forecast.plan->budgeted()) + " for " + std::to_string(forecast.plan->context) +
         " positions; " + available + ": " + (forecast.fits() ? "it fits" : "it does not fit") + ".\n" +
         cost(*forecast.plan) + "Computed by " + device.name() + ": " + device.reason + ".\n";
}

std::string listings(const gguf::Reader& header, const pack::PackedView& tensors) {
  std::string text = "\nMetadata\n";
  for (const gguf::Entry& entry : header.entries()) {
    // The packer's own arrays repeat what the list of tensors shows.
    if (entry.key.starts_with("linnet.pack.tensor.")) continue;
    text += "  " + printable(entry.key) + " = " + gguf::to_text(entry.value) + "\n";
  }
  text += "\nTensors\n";
  for (const pack::PackedTensor& tensor : tensors.tensors()) {
    text += "  " + padded(printable(tensor.stored->name), 32) + " " + padded(std::string(tensor.type->name), 6) + " " +
            padded(shape_text(tensor), 16) + " " + padded(to_string(Bytes{tensor.stored->data.size()}), 10) +
            (tensor.layout == pack::Layout::kPanels ? " panels" : "") + "\n";
  }
  return text;
}

std::string_view kind_name(engine::MemoryKind kind) {
  switch (kind) {
    case engine::MemoryKind::kMapped: return "mapped";
    case engine::MemoryKind::kDevice: return "device";
    case engine::MemoryKind::kAnonymous: break;
  }
  return "anonymous";
}

void add_plan(JsonWriter& json, const Forecast& forecast) {
  json.member("available_bytes", forecast.budget ? std::optional(forecast.budget->count) : std::nullopt);
  json.member("fits", forecast.fits());
  json.key("plan");
  if (!forecast.plan) {
    json.null().member("refusal", forecast.plan.error().message);
    return;
  }
  const engine::MemoryPlan& plan = *forecast.plan;
  json.begin_object().member("context", plan.context).member("threads", plan.threads);
  json.member("anonymous_bytes", plan.total(engine::MemoryKind::kAnonymous).count);
  json.member("mapped_bytes", plan.total(engine::MemoryKind::kMapped).count);
  json.member("device_bytes", plan.total(engine::MemoryKind::kDevice).count);
  json.member("device", plan.device.name()).member("device_reason", plan.device.reason);
  json.member("budgeted_bytes", plan.budgeted().count).key("rows").begin_array();
  for (const engine::MemoryRow& row : plan.rows) {
    json.begin_object().member("name", row.name);
    json.member("kind", kind_name(row.kind));
    json.member("bytes", row.size.count).member("detail", row.detail).end_object();
  }
  json.end_array().end_object();
}

// A scalar as it is; an array for a person, since a vocabulary would drown everything else.
void add_value(JsonWriter& json, const gguf::Value& value) {
  if (value.type == gguf::ValueType::kArray) {
    json.value(gguf::to_text(value));
  } else if (value.type == gguf::ValueType::kString) {
    json.value(std::string_view(reinterpret_cast<const char*>(value.data.data()), value.data.size()));
  } else if (value.type == gguf::ValueType::kBool) {
    json.value(gguf::NumberArray<bool>(value)[0]);
  } else if (value.type == gguf::ValueType::kUint64) {
    json.value(gguf::NumberArray<std::uint64_t>(value)[0]);
  } else if (gguf::is_integer(value.type)) {
    json.value(gguf::NumberArray<std::int64_t>(value)[0]);
  } else {
    json.value(gguf::NumberArray<double>(value)[0]);
  }
}

void add_listings(JsonWriter& json, const gguf::Reader& header, const pack::PackedView& tensors) {
  json.key("metadata").begin_object();
  for (const gguf::Entry& entry : header.entries()) add_value(json.key(entry.key), entry.value);
  json.end_object().key("tensors").begin_array();
  for (const pack::PackedTensor& tensor : tensors.tensors()) {
    json.begin_object()
        .member("name", tensor.stored->name)
        .member("type", tensor.type->name)
        .key("shape")
        .begin_array();
    for (std::uint32_t i = 0; i < tensor.rank; ++i) json.value(tensor.dims[i]);
    json.end_array().member("bytes", tensor.stored->data.size());
    json.member("layout", pack::name_of(tensor.layout)).end_object();
  }
  json.end_array();
}

}  // namespace

Result<void> execute(const InfoOptions& options, Console& console) {
  LINNET_TRY(const Machine machine, inspect_machine());
  LINNET_TRY(const ModelFile file, open_source(options.model.path, console));
  const auto tensors = pack::PackedView::open(*file.header);
  if (!tensors) return tl::unexpected(with_context(file.path, tensors.error()));
  LINNET_TRY(const ModelSummary summary, summarise(*file.header, *tensors));
  const Forecast forecast = forecast_of(file, options.model, machine);
  if (options.plan && !forecast.plan) return tl::unexpected(with_context(file.path, forecast.plan.error()));
  std::optional<std::size_t> verified;
  if (options.verify) {
    LINNET_TRY(verified, verify_hashes(file, console));
  }
  if (options.json) {
    JsonWriter json;
    json.begin_object().member("file", file.path).member("bytes", summary.file_size.count);
    json.member("architecture", summary.architecture).member("name", summary.name);
    json.member("parameters", summary.parameters).member("packed", summary.packed);
    add_plan(json, forecast);
    if (options.verify) json.member("verified_tensors", *verified);
    add_listings(json, *file.header, *tensors);
    return console.print(json.end_object().line());
  }
  std::string text = heading(file, summary) + purpose(file, *tensors) + verdict(forecast);
  if (forecast.plan) text += preparation(summary, *tensors);
  if (verified) text += std::to_string(*verified) + " tensors have the bytes that their hashes tell.\n";
  if (options.plan) text += "\nMemory plan\n" + engine::to_text(*forecast.plan);
  if (!options.plan && !options.verify) text += listings(*file.header, *tensors);
  return console.print(text);
}

}  // namespace linnet::cli
