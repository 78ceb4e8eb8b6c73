#include "runtime/daemon/request.h"

#include <gtest/gtest.h>

namespace linnet::daemon {
namespace {

TEST(Request, AnInferenceIsReadWhole) {
  const auto request = parse_request(OperationKind::kInfer, R"({"id":"01J.a-b_c","args":{"messages":[
      {"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"max_tokens":64,"temperature":0.5,"top_k":40,
      "seed":7,"stop":["\n\n"],"response":"json"},"deadline_ms":5000,"stream":false,"prio":"high","durable":true})");
  ASSERT_TRUE(request) << request.error().reason;
  EXPECT_EQ(request->id, "01J.a-b_c");
  EXPECT_EQ(request->deadline, std::chrono::milliseconds(5000));
  EXPECT_FALSE(request->stream);
  EXPECT_TRUE(request->durable);
  EXPECT_EQ(request->priority, Priority::kHigh);
  const auto& infer = std::get<InferArguments>(request->arguments);
  ASSERT_EQ(infer.messages.size(), 2u);
  EXPECT_EQ(infer.messages[1].content, "Hi");
  EXPECT_EQ(infer.max_tokens, 64u);
  EXPECT_EQ(infer.sampling.top_k, 40);
  EXPECT_EQ(infer.sampling.seed, 7u);
  EXPECT_EQ(infer.response, ResponseForm::kJson);
}

TEST(Request, SchemasAndReasoningAreRead) {
  const auto request = parse_request(OperationKind::kInfer, R"({"id":"1","args":{"prompt":"a","reasoning":"hide",
      "max_reasoning_tokens":0,"schema":{"type":"boolean"}}})");
  ASSERT_TRUE(request) << request.error().reason;
  const auto& infer = std::get<InferArguments>(request->arguments);
  EXPECT_EQ(infer.reasoning, ReasoningWish::kHide);
  EXPECT_EQ(infer.max_reasoning_tokens, 0u);
  EXPECT_NE(infer.grammar.find("true"), std::string::npos);
  const auto bad = parse_request(OperationKind::kInfer,
                                 R"({"id":"1","args":{"prompt":"a","schema":{"properties":{"a":{"multipleOf":3}}}}})");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ReasonCode::kPayloadInvalid);
  EXPECT_NE(bad.error().reason.find("#/properties/a/multipleOf"), std::string::npos) << bad.error().reason;
}

TEST(Request, ASchemaLargerThanWasPlannedForIsRefusedAtOnce) {
  const auto with = [](const std::string& schema) {
    return parse_request(OperationKind::kInfer, R"({"id":"1","args":{"prompt":"a","schema":)" + schema + "}}");
  };
  EXPECT_TRUE(with(R"({"type":"string","maxLength":100})"));
  const auto large = with(R"({"type":"string","maxLength":60000})");
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ReasonCode::kPayloadInvalid);
  RequestLimits tight;
  tight.grammar_bytes = 4096;
  const auto refused = compile_schema("root ::= [a-z]{1,200}", tight);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kExhausted);
}

TEST(Request, TheIdIsFoundForRefusalsWhereThereIsOne) {
  EXPECT_EQ(request_id_of(R"({"id":"a-1","args":7,"colour":1})"), "a-1");
  for (const char* payload : {"", "[]", "{}", R"({"id":7})", R"({"id":"a/b"})", R"({"id":"x")"}) {
    EXPECT_EQ(request_id_of(payload), "") << payload;
  }
  EXPECT_EQ(request_id_of(R"({"id":"x","p":")" + std::string(200000, 'x') + "\"}"), "") << "too large to be read";
}

TEST(Request, EveryOperationHasItsArguments) {
  EXPECT_EQ(
      std::get<AuditArguments>(parse_request(OperationKind::kAudit, R"({"id":"1","args":{"last":7}})")->arguments).last,
      7u);
  EXPECT_TRUE(parse_request(OperationKind::kStatus, R"({"id":"1"})"));
  EXPECT_TRUE(parse_request(OperationKind::kCancel, R"({"id":"1","args":{"id":"2"}})"));
  const auto replay =
      parse_request(OperationKind::kReplay, R"({"id":"1","op":"replay","args":{"id":"2","from_seq":3}})");
  EXPECT_EQ(std::get<ReplayArguments>(replay->arguments).from_sequence, 3u);
  const auto gpio = parse_request(OperationKind::kGpio, R"({"id":"1","args":{"line":"LAMP","active":true}})");
  EXPECT_EQ(std::get<GpioArguments>(gpio->arguments).active, true);
  const auto embed = parse_request(OperationKind::kEmbed, R"({"id":"1","args":{"texts":["a","b"],"model":"m"}})");
  EXPECT_EQ(std::get<EmbedArguments>(embed->arguments).texts, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(std::get<EmbedArguments>(embed->arguments).model, "m");
  EXPECT_TRUE(parse_request(OperationKind::kSwap, R"({"id":"1","args":{"model":"pilot"}})"));
}

TEST(Request, FaultsAreNamed) {
  const struct {
    OperationKind operation;
    const char* payload;
    const char* part;
  } cases[] = {
      {OperationKind::kStatus, "", "not JSON"},
      {OperationKind::kStatus, R"({"id":"1"} x)", "not JSON"},
      {OperationKind::kStatus, "\"id\"", "must be an object"},
      {OperationKind::kStatus, "{}", "'id'"},
      {OperationKind::kStatus, R"({"id":""})", "'id'"},
      {OperationKind::kStatus, R"({"id":"a/b"})", "'id'"},
      {OperationKind::kStatus, R"({"id":7})", "'id' must be a text"},
      {OperationKind::kStatus, R"({"id":"1","colour":1})", "no key 'colour'"},
      {OperationKind::kStatus, R"({"id":"1","op":"infer"})", "not the operation of the topic"},
      {OperationKind::kStatus, R"({"id":"1","deadline_ms":0})", "'deadline_ms'"},
      {OperationKind::kStatus, R"({"id":"1","deadline_ms":18446744073709551615})", "'deadline_ms'"},
      {OperationKind::kStatus, R"({"id":"1","prio":"urgent"})", "low, normal, high"},
      {OperationKind::kInfer, R"({"id":"1"})", "either 'prompt' or 'messages'"},
      {OperationKind::kInfer, R"({"id":"1","args":{"prompt":"a","messages":[]}})", "either"},
      {OperationKind::kInfer, R"({"id":"1","args":{"messages":[]}})", "1 to 256"},
      {OperationKind::kInfer, R"({"id":"1","args":{"messages":[{"role":"god","content":""}]}})", "system, user"},
      {OperationKind::kInfer, R"({"id":"1","args":{"messages":[{"role":"user"}]}})", "'content'"},
      {OperationKind::kInfer, R"({"id":"1","args":{"prompt":"a","tempreature":1}})", "tempreature"},
      {OperationKind::kInfer, R"({"id":"1","args":{"prompt":"a","top_p":2}})", "'top_p'"},
      {OperationKind::kInfer, R"({"id":"1","args":{"prompt":"a","max_tokens":1.5}})", "'max_tokens'"},
      {OperationKind::kInfer, R"({"id":"1","args":{"prompt":"a","stop":[""]}})", "'stop'"},
      {OperationKind::kInfer, R"({"id":"1","args":[]})", "'args' must be an object"},
      {OperationKind::kGpio, R"({"id":"1","args":{"active":true}})", "needs 'line'"},
      {OperationKind::kLoad, R"({"id":"1"})", "needs 'model'"},
      {OperationKind::kEmbed, R"({"id":"1","args":{}})", "needs 'texts'"},
      {OperationKind::kEmbed, R"({"id":"1","args":{"texts":[]}})", "1 to 16"},
      {OperationKind::kEmbed, R"({"id":"1","args":{"texts":["a",1]}})", "a list of texts"},
      {OperationKind::kEmbed, R"({"id":"1","args":{"text":"a"}})", "no key 'text'"},
  };
  for (const auto& c : cases) {
    const auto request = parse_request(c.operation, c.payload);
    ASSERT_FALSE(request) << c.payload;
    EXPECT_EQ(request.error().code, ReasonCode::kPayloadInvalid);
    EXPECT_NE(request.error().reason.find(c.part), std::string::npos) << c.payload << " -> " << request.error().reason;
  }
}

TEST(Request, HostilePayloadsAreRefusedQuickly) {
  EXPECT_EQ(parse_request(OperationKind::kInfer, std::string(200 * 1024, ' ')).error().code, ReasonCode::kTooLarge);
  const std::string deep = R"({"id":"1","args":)" + std::string(60000, '[') + std::string(60000, ']') + "}";
  EXPECT_EQ(parse_request(OperationKind::kInfer, deep).error().code, ReasonCode::kPayloadInvalid);
  EXPECT_EQ(parse_request(OperationKind::kInfer, "{\"id\":\"\xff\xfe\"}").error().code, ReasonCode::kPayloadInvalid);
  const auto shown = parse_request(OperationKind::kStatus, R"({"id":"1","a\n)" + std::string(500, 'b') + "\":1}");
  EXPECT_LT(shown.error().reason.size(), 100u) << "what a client wrote is not sent back at length";
  EXPECT_EQ(shown.error().reason.find('\n'), std::string::npos);
}

TEST(Roles, EachRoleHasWhatTheLesserOnesHaveAndStrangersNothing) {
  RoleMap roles;
  roles.assign("eve", Role::kViewer);
  roles.assign("rob", Role::kRequester);
  roles.assign("ops", Role::kOperator);
  roles.assign("dan", Role::kDeployer);
  EXPECT_TRUE(roles.allows("eve", OperationKind::kStatus));
  EXPECT_FALSE(roles.allows("eve", OperationKind::kInfer));
  EXPECT_TRUE(roles.allows("rob", OperationKind::kCancel));
  EXPECT_FALSE(roles.allows("rob", OperationKind::kGpio));
  EXPECT_TRUE(roles.allows("ops", OperationKind::kGpio));
  EXPECT_FALSE(roles.allows("ops", OperationKind::kLoad));
  EXPECT_TRUE(roles.allows("dan", OperationKind::kSwap));
  for (const char* stranger : {"nobody", "", "root", "Rob"})
    EXPECT_FALSE(roles.allows(stranger, OperationKind::kStatus));
}

TEST(Roles, NamesReadBack) {
  for (const auto role : {Role::kViewer, Role::kRequester, Role::kOperator, Role::kDeployer, Role::kRoot}) {
    EXPECT_EQ(parse_role(to_string(role)), role);
  }
  EXPECT_FALSE(parse_role("none"));
  for (int i = 0; i <= static_cast<int>(OperationKind::kSwap); ++i) {
    const auto operation = static_cast<OperationKind>(i);
    EXPECT_EQ(parse_operation(to_string(operation)), operation);
  }
  EXPECT_FALSE(parse_operation("shutdown"));
}

}  // namespace
}  // namespace linnet::daemon
