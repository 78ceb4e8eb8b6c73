// `linnet ctl`: asks a device over MQTT and tells what it answered.
#include "runtime/cli/commands.h"
#include "runtime/cli/ctl/actions.h"
#include "runtime/cli/ctl/call.h"
#include "runtime/cli/ctl/report.h"
#include "runtime/cli/json_writer.h"
#include "runtime/cli/text_file.h"

namespace linnet::cli {
namespace ctl {
namespace {

constexpr double kInspectSeconds = 15;
constexpr double kWorkSeconds = 300;

Result<void> no_text(std::string_view /*piece*/, bool /*restarted*/) { return {}; }

std::chrono::milliseconds call_time(const CtlOptions& options, double otherwise_s) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(options.timeout_s.value_or(otherwise_s) * 1000));
}

CallOptions call_options(const CtlOptions& options, std::string id, RequestText request, double otherwise_s) {
  CallOptions call;
  call.id = std::move(id);
  call.request = std::move(request);
  call.limits.accept_time = options.accept_time;
  call.time = call_time(options, otherwise_s);
  // Nobody waits for what starts later.
  call.expiry = std::chrono::ceil<std::chrono::seconds>(call.time);
  return call;
}

// Asks something that has a result, and returns the result's JSON.
Result<std::string> ask(const CtlOptions& options, Console& console, const std::string& id, RequestText request,
                        double otherwise_s) {
  LINNET_TRY(const Endpoint endpoint, resolve_endpoint(options));
  const CallOptions asked = call_options(options, id, std::move(request), otherwise_s);
  LINNET_TRY(const Reply end, call(endpoint, asked, console, no_text));
  LINNET_CHECK(as_result(end));
  return end.result;
}

// The text of an answer; on a terminal it ends with a newline.
class AnswerPrinter {
 public:
  AnswerPrinter(Console& console, bool quiet) : console_(console), quiet_(quiet) {}

  Result<void> operator()(std::string_view piece, bool restarted) {
    if (quiet_) return {};
    if (restarted) {
      console_.note("\nlinnet: another device answers; the answer begins again");
    }
    if (!piece.empty()) last_ = piece.back();
    // A model may say anything; a terminal must not obey it.
    return console_.print(console_.output_is_terminal() ? printable(piece) : std::string(piece));
  }

  Result<void> end_line() {
    if (quiet_ || !console_.output_is_terminal() || last_ == '\n') return {};
    return console_.print("\n");
  }

 private:
  Console& console_;
  bool quiet_;
  char last_ = '\n';
};

Result<void> stream(const CtlOptions& options, const Endpoint& endpoint, const CallOptions& asked, Console& console) {
  AnswerPrinter printer(console, options.json);
  const auto sink = [&](std::string_view piece, bool restarted) { return printer(piece, restarted); };
  const auto end = call(endpoint, asked, console, sink);
  LINNET_CHECK(printer.end_line());
  if (!end) return tl::unexpected(end.error());
  if (options.json) LINNET_CHECK(console.print(end->raw + "\n"));
  if (!text_is_whole(*end)) return fail(ErrorKind::kIo, "the answer does not have the hash that the device told");
  return as_result(*end);
}

// A file's JSON; what the schema says is the device's to judge.
Result<std::string> read_schema(const std::string& path) {
  LINNET_TRY(const std::string text, read_text_file(path));
  if (is_json(text)) return text;
  return fail(ErrorKind::kUsage, path + ": it is no JSON");
}

}  // namespace

Result<void> perform(const InferAction& action, const CtlOptions& options, Console& console) {
  LINNET_TRY(const Endpoint endpoint, resolve_endpoint(options));
  std::string prompt = action.prompt.value_or("");
  if (!action.prompt) {
    LINNET_TRY(prompt, console.read_input());
  }
  const std::string id = action.id.empty() ? fresh_id() : action.id;
  std::string schema;
  if (action.schema) {
    LINNET_TRY(schema, read_schema(*action.schema));
  }
  CallOptions asked = call_options(options, id, infer_text(id, action, prompt, schema), kWorkSeconds);
  asked.shows_reasoning = action.reasoning == "show";
  asked.pool = action.pool;
  if (action.durable) asked.expiry.reset();
  if (action.deadline_s)
    asked.expiry = std::chrono::ceil<std::chrono::seconds>(std::chrono::duration<double>(*action.deadline_s));
  return stream(options, endpoint, asked, console);
}

Result<void> perform(const ReplayAction& action, const CtlOptions& options, Console& console) {
  LINNET_TRY(const Endpoint endpoint, resolve_endpoint(options));
  const std::string id = fresh_id();
  CallOptions asked = call_options(options, id, replay_text(id, action.id, 0), kInspectSeconds);
  asked.about = action.id;
  return stream(options, endpoint, asked, console);
}

Result<void> perform(const InspectAction& action, const CtlOptions& options, Console& console) {
  const std::string id = fresh_id();
  LINNET_TRY(const std::string result, ask(options, console, id, inspect_text(id, action), kInspectSeconds));
  if (options.json) return console.print(result + "\n");
  if (action.operation == "models") return console.print(models_text(result));
  return console.print(action.operation == "audit" ? audit_text(result) : figures_text(result));
}

Result<void> perform(const CancelAction& action, const CtlOptions& options, Console& console) {
  const std::string id = fresh_id();
  LINNET_TRY(const std::string result, ask(options, console, id, cancel_text(id, action.id), kInspectSeconds));
  LINNET_CHECK(console.print(options.json ? result + "\n" : figures_text(result)));
  if (result == "\"unknown\"")
    return fail(ErrorKind::kAbsent, "the device knows no request '" + action.id + "' of this client");
  return {};
}

Result<void> perform(const ModelAction& action, const CtlOptions& options, Console& console) {
  const std::string id = fresh_id();
  LINNET_TRY(const std::string result, ask(options, console, id, model_text(id, action), kWorkSeconds));
  return options.json ? console.print(result + "\n") : Result<void>();
}

Result<void> perform(const GpioAction& action, const CtlOptions& options, Console& console) {
  const std::string id = fresh_id();
  LINNET_TRY(const std::string result, ask(options, console, id, gpio_text(id, action), kInspectSeconds));
  if (options.json) return console.print(result + "\n");
  return console.print(action.line + (result == "true" ? " on\n" : " off\n"));
}

}  // namespace ctl

Result<void> execute(const CtlOptions& options, Console& console) {
  return std::visit([&](const auto& action) { return ctl::perform(action, options, console); }, options.action);
}

}  // namespace linnet::cli
