#include "tests/daemon/service_fixture.h"

#include <nlohmann/json.hpp>

namespace linnet::daemon {

Json Sent::body() const { return Json::parse(bytes); }

std::vector<Json> Recorder::of(const std::string& id) const {
  std::vector<Json> bodies;
  for (const Sent& s : sent) {
    Json body = s.body();
    if (body.value("id", "") == id) bodies.push_back(std::move(body));
  }
  return bodies;
}

void ServiceTest::send(const std::string& who, const std::string& operation, const Json& body,
                       std::optional<seconds> expiry) {
  send_raw("linnet/1/home/n1/req/" + who + "/" + operation, body.dump(), expiry);
}

Json ServiceTest::infer(const std::string& id) { return {{"id", id}, {"args", {{"prompt", "say"}}}}; }

}  // namespace linnet::daemon
