// Renders templates for scripts: one JSON object a line in, one a line out.
//
// In: {"template": text, "context": {…}, "now": "2025-07-26T14:05:00"}. Out: {"ok": true, "text": …} or
// {"ok": false, "kind": "malformed", "error": …}. Used by differential_fuzz.py and compare_templates.py.
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "runtime/text/template/json_read.h"
#include "runtime/text/template/template.h"

namespace {

using linnet::ErrorKind;
using linnet::Result;
using linnet::templates::RenderOptions;
using linnet::templates::Template;

const char* kind_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage: return "raised";
    case ErrorKind::kUnsupported: return "unsupported";
    default: return "malformed";
  }
}

Result<std::string> render(const nlohmann::json& request) {
  LINNET_TRY(const Template parsed, Template::parse(request.at("template").get<std::string>()));
  LINNET_TRY(const auto context, linnet::templates::parse_json(request.value("context", "{}")));
  RenderOptions options;
  LINNET_TRY(options.now, linnet::templates::parse_iso8601(request.value("now", "2025-07-26T14:05:09")));
  return parsed.render(context, options);
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const auto rendered = render(nlohmann::json::parse(line));
    nlohmann::json reply;
    reply["ok"] = rendered.has_value();
    if (rendered) {
      reply["text"] = *rendered;
    } else {
      reply["kind"] = kind_name(rendered.error().kind);
      reply["error"] = rendered.error().message;
    }
    std::cout << reply.dump() << std::endl;
  }
}
