#include "runtime/cli/ctl/arguments.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "runtime/cli/ctl/client_config.h"
#include "runtime/cli/help.h"
#include "runtime/cli/page_formatter.h"

namespace linnet::cli::ctl {
namespace {

constexpr std::uint64_t kMost = 1U << 24;

template <class T>
void add(CLI::App& app, const std::string& names, T& target, const std::string& type, const std::string& text) {
  app.add_option(names, target, text)->type_name(type);
}

template <class T>
void add_range(CLI::App& app, const std::string& names, T& target, const std::string& type, const std::string& text,
               double low, double high) {
  app.add_option(names, target, text)->type_name(type)->check(CLI::Range(low, high));
}

void add_switch(CLI::App& app, const std::string& name, bool& target, const std::string& text) {
  app.add_flag(name, target, text)->disable_flag_override();
}

void add_positional(CLI::App& app, const std::string& name, std::string& target, const std::string& text) {
  app.add_option(name, target, text)->required();
}

void declare(CLI::App& app, InferAction& action) {
  add(app, "-p,--prompt", action.prompt, "TEXT", "The prompt (default: standard input)");
  add(app, "--system", action.system, "TEXT", "A system message before the prompt");
  add(app, "-m,--model", action.model, "NAME",
      "One of the device's models (default: the loaded one, else its default)");
  add(app, "--pool", action.pool, "MODEL", "Asks whichever device of the group's pool for MODEL takes it");
  add(app, "--id", action.id, "ID", "The request's id (default: a new one): the same id is the same request");
  add_range(app, "-n,--max-tokens", action.max_tokens, "N", "Stops after N generated tokens", 1, kMost);
  add_range(app, "--temp", action.temperature, "T", "Temperature; 0 is greedy", 0, 100);
  add_range(app, "--top-k", action.top_k, "K", "Keeps the K likeliest tokens", 0, kMost);
  add_range(app, "--top-p", action.top_p, "P", "Keeps the likeliest tokens of total probability P", 0, 1);
  add_range(app, "--min-p", action.min_p, "P", "Keeps tokens at least P times as likely as the likeliest", 0, 1);
  add_range(app, "--repeat-penalty", action.repeat_penalty, "R", "Makes recent tokens less likely", 0.01, 100);
  add_range(app, "--seed", action.seed, "S", "Makes sampling repeatable", 0, 9e15);
  add(app, "--stop", action.stop, "TEXT", "Ends the answer where TEXT would come; may be repeated");
  app.add_option("--response", action.response, "text, or json: the answer is a JSON value")
      ->type_name("FORM")
      ->check(CLI::IsMember({"text", "json"}));
  add(app, "--schema", action.schema, "FILE", "The answer is JSON that this JSON Schema accepts");
  app.add_option("--reasoning", action.reasoning, "A model's thoughts: show (on standard error), hide or off")
      ->type_name("HOW")
      ->check(CLI::IsMember({"show", "hide", "off"}));
  add_range(app, "--max-reasoning-tokens", action.max_reasoning_tokens, "N", "Ends the thoughts after N tokens", 0,
            kMost);
  app.add_option("--prio", action.priority, "low, normal or high")
      ->type_name("PRIORITY")
      ->check(CLI::IsMember({"low", "normal", "high"}));
  add_switch(app, "--durable", action.durable, "The device takes it up again after a restart");
  add_switch(app, "!--no-stream", action.stream, "Answers in one piece");
  add_range(app, "--deadline", action.deadline_s, "S", "Not started later than S seconds from now", 0.001, 1e8);
}

void declare(CLI::App& /*app*/, InspectAction& /*action*/) {}

void declare(CLI::App& app, CancelAction& action) { add_positional(app, "ID", action.id, "The request's id"); }

void declare(CLI::App& app, ReplayAction& action) { add_positional(app, "ID", action.id, "The request's id"); }

void declare(CLI::App& app, ModelAction& action) {
  add_positional(app, "MODEL", action.model, "A name among the device's models");
}

void declare(CLI::App& app, GpioAction& action) {
  add_positional(app, "LINE", action.line, "The line's name");
  app.add_option_function<std::string>(
         "STATE", [&action](const std::string& state) { action.active = state == "on"; },
         "on or off; without it the line is read")
      ->check(CLI::IsMember({"on", "off"}));
}

void declare(CLI::App& app, WatchAction& action) {
  app.add_option("NODE", action.nodes,
                 "Devices: one is shown closely, several a row each\n(default: --node, else all of the group)");
  add_switch(app, "--fleet", action.fleet, "A row each, and of all of the group where no NODE is given");
  add_range(app, "--period", action.period_s, "S", "Seconds between snapshots (default 1)", 0.1, 3600);
  add_range(app, "--count", action.count, "N", "Ends after N snapshots (default 0: goes on)", 0, kMost);
  add_switch(app, "--plain", action.plain, "A line a snapshot, even on a terminal");
}

void declare(CLI::App& app, KeysAction& action) {
  add_positional(app, "FOLDER", action.folder, "Where the files go; made where it is absent");
  app.add_option("NAME", action.names, "A node or client: NAME.crt and NAME.key");
  add(app, "--broker", action.brokers, "NAME", "The broker's names and addresses\n(default: localhost 127.0.0.1)");
  add_range(app, "--days", action.days, "N", "How long they are valid (default 30)", 1, 3650);
}

void add_common(CLI::App& app, CtlOptions& options) {
  for (const SettingRow& row : setting_rows()) {
    app.add_option_function<std::string>(
           "--" + std::string(row.name),
           [&options, name = std::string(row.name)](const std::string& value) { options.settings[name] = value; },
           std::string(row.text))
        ->type_name(std::string(row.type));
  }
  add(app, "--config", options.config, "FILE",
      "These settings as TOML\n(default: ~/.config/linnet/ctl.toml, where there is one)");
  add_range(app, "--timeout", options.timeout_s, "S", "Gives up after S seconds (default: 15, for work 300)", 0.1, 1e6);
  app.add_option_function<double>(
         "--accept-time",
         [&options](double seconds) {
           options.accept_time = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
         },
         "Sends again when nobody accepted within S seconds\n(default 5)")
      ->type_name("S")
      ->check(CLI::Range(0.05, 3600.0));
}

// Declares an action and puts it, with the common options, into `chosen` when it was named.
template <class ActionType>
void add_action(CLI::App& app, const char* name, const char* summary, Command& chosen, ActionType initial = {}) {
  CLI::App* const command = app.add_subcommand(name, summary);
  command->set_help_flag("-h,--help", "Shows this page");
  const auto options = std::make_shared<CtlOptions>();
  const auto action = std::make_shared<ActionType>(std::move(initial));
  declare(*command, *action);
  if (!std::is_same_v<ActionType, KeysAction>) add_common(*command, *options);
  add_switch(*command, "--json", options->json, "Prints JSON instead");
  command->final_callback([&chosen, options, action] {
    options->action = *action;
    chosen = *options;
  });
}

void add_actions(CLI::App& app, Command& chosen) {
  add_action<InferAction>(app, "infer", "Asks the model; prints its answer as it comes", chosen);
  add_action<CancelAction>(app, "cancel", "Ends a request", chosen);
  add_action<ReplayAction>(app, "replay", "Prints a request's answer again", chosen);
  add_action<InspectAction>(app, "status", "Shows the device's figures", chosen, InspectAction{"status"});
  add_action<WatchAction>(app, "watch", "Shows a device live, or many, a row each", chosen);
  add_action<InspectAction>(app, "models", "Lists the device's models", chosen, InspectAction{"models"});
  add_action<InspectAction>(app, "audit", "Lists refusals and privileged acts", chosen, InspectAction{"audit"});
  add_action<ModelAction>(app, "load", "Loads a model", chosen, ModelAction{"load", ""});
  add_action<ModelAction>(app, "unload", "Releases a model", chosen, ModelAction{"unload", ""});
  add_action<ModelAction>(app, "swap", "Loads a model, then releases the one before", chosen, ModelAction{"swap", ""});
  add_action<GpioAction>(app, "gpio", "Reads or drives a line", chosen);
  add_action<KeysAction>(app, "keys", "Makes certificates for trying TLS out", chosen);
}

Error usage_error(const CLI::App& app, std::string message) {
  std::string name = "linnet ctl";
  for (const auto* command : app.get_subcommands()) name += " " + command->get_name();
  std::ranges::replace(message, '\n', ' ');
  return {ErrorKind::kUsage, message + " (see " + name + " --help)"};
}

}  // namespace

Result<Command> parse_arguments(int count, const char* const* values) {
  Command chosen = ShowText{};
  const HelpPage& page = help_page("ctl");
  CLI::App app(std::string(page.summary) + "\n\nUsage: " + std::string(page.usage));
  app.formatter(std::make_shared<PageFormatter>());
  app.footer(std::string(page.details));
  app.set_help_flag("-h,--help", "Shows this page");
  app.require_subcommand(1);
  add_actions(app, chosen);
  if (count > 1 && *values[1] != '-' &&
      app.get_subcommands([&](const CLI::App* action) { return action->check_name(values[1]); }).empty()) {
    return tl::unexpected(usage_error(app, "there is no action '" + std::string(values[1]) + "'"));
  }
  try {
    app.parse(count, values);
  } catch (const CLI::CallForHelp&) {
    return ShowText{page_of(app)};
  } catch (const CLI::ParseError& error) {
    return tl::unexpected(usage_error(app, error.what()));
  }
  return chosen;
}

}  // namespace linnet::cli::ctl
