#include "runtime/cli/ctl/fleet_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace linnet::cli::ctl {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

const Clock::time_point kStart{seconds(1000)};

Told told(std::string_view tail, std::string_view payload, int after = 0) {
  return {.tail = tail, .payload = payload, .epoch = "", .retained = false, .at = kStart + seconds(after)};
}

std::string health(int at_ms, const char* figures) {
  return R"({"epoch":1,"at_ms":)" + std::to_string(at_ms) +
         R"(,"model":{"name":"pilot","state":"ready"},"alarms":["hot"],"figures":)" + figures + "}";
}

class FleetTest : public ::testing::Test {
 protected:
  FleetTest() { state.on_connection(true, kStart); }

  json devices(int after) const { return json::parse(state.json(kStart + seconds(after)))["devices"]; }
  std::string state_of(int after) const { return devices(after)[0]["state"]; }
  std::string screen(int after, std::size_t columns = 120, std::size_t rows = 40) const {
    std::string all;
    for (const ScreenLine& line : state.screen(columns, rows, kStart + seconds(after))) {
      all += (line.faded ? "~" : "") + line.text + "\n";
    }
    return all;
  }

  FleetState state{"lab", {}};
};

TEST_F(FleetTest, EachDeviceHasARowByName) {
  state.on_told("b", told("avail", "online"));
  state.on_told(
      "b",
      told("health", health(1000, R"({"queue":3,"tokens_per_second":12.34,"temperature_c":45.5,"work_share":0.5})")));
  state.on_told("a", told("avail", "online"));
  state.on_told("a", told("health", health(1000, R"({"queue":1,"tokens_per_second":1})")));
  const std::string text = screen(2);
  EXPECT_THAT(text, HasSubstr("lab  2 of 2 online   tokens/s 13.3   queue 4"));
  EXPECT_LT(text.find("  a "), text.find("  b ")) << text;
  EXPECT_THAT(text, HasSubstr("45.5 °C")) << "and no column moves: ° is two bytes";
  EXPECT_THAT(text, HasSubstr("50 %"));
  EXPECT_THAT(text, HasSubstr("hot"));
  EXPECT_THAT(state.lines(kStart + seconds(2)), HasSubstr("b online  model pilot  queue 3  tokens/s 12.3  temperature "
                                                          "45.5 °C  pace 50 %  last seen 2 s  alarms hot\n"));
  const json second = devices(2)[1];
  EXPECT_EQ(second["tokens_per_second"], 12.34);
  EXPECT_EQ(second["alarms"], json::array({"hot"}));
  EXPECT_FALSE(devices(2)[0].contains("temperature_c")) << "what no sensor tells is absent, never 0";
}

TEST_F(FleetTest, AWillMakesItGreyAndKeepsWhatWasKnown) {
  state.on_told("a", told("avail", "online"));
  state.on_told("a", told("health", health(1000, R"({"queue":3})")));
  state.on_told("a", told("avail", "offline", 20));
  EXPECT_EQ(state_of(20), "offline");
  EXPECT_THAT(screen(20), HasSubstr("~  a "));
  EXPECT_THAT(screen(20), HasSubstr("0 of 1 online   tokens/s 0.0   queue 0")) << "the sum is of those that are there";
  EXPECT_EQ(devices(21)[0]["seen_s"], 21) << "a will is the broker's word: the device was heard before";
  state.on_told("a", told("avail", "online", 30));
  EXPECT_EQ(state_of(30), "online");
  EXPECT_THAT(screen(30), Not(HasSubstr("~  a ")));
}

TEST_F(FleetTest, AWillOlderThanTheLastBirthIsLate) {
  state.on_told("a", told("birth", R"({"epoch":7,"software":"linnetd 1"})"));
  Told will = told("avail", "offline");
  will.epoch = "6";
  state.on_told("a", will);
  EXPECT_EQ(state_of(1), "online");
  will.epoch = "7";
  state.on_told("a", will);
  EXPECT_EQ(state_of(1), "offline");
}

TEST_F(FleetTest, WhoSaysNothingForThreeOfItsPeriodsIsSilent) {
  state.on_told("a", told("avail", "online"));
  state.on_told("a", told("health", health(1000, "{}")));
  EXPECT_EQ(state_of(89), "online") << "until two were heard: those of linnetd, 30 s";
  EXPECT_EQ(state_of(91), "silent");
  state.on_told("a", told("health", health(3000, "{}"), 2));
  EXPECT_EQ(state_of(8), "online");
  EXPECT_EQ(state_of(9), "silent");
  EXPECT_THAT(screen(9), HasSubstr("~  a "));
  state.on_connection(true, kStart + seconds(60));
  EXPECT_EQ(state_of(62), "online") << "nothing could be heard without a broker";
}

TEST_F(FleetTest, WhatTheBrokerHadKeptDoesNotShowThatSomebodyIsThere) {
  Told kept = told("health", "");
  const std::string payload = health(1000, R"({"queue":3})");
  kept.payload = payload;
  kept.retained = true;
  state.on_told("a", kept);
  EXPECT_EQ(state_of(1), "unknown");
  EXPECT_FALSE(devices(1)[0].contains("seen_s"));
  EXPECT_EQ(devices(1)[0]["queue"], 3);
}

TEST_F(FleetTest, ADeletedAvailTakesTheDeviceAway) {
  state.on_told("a", told("avail", "online"));
  state.on_told("a", told("avail", ""));
  EXPECT_TRUE(devices(1).empty());
}

TEST_F(FleetTest, ThoseThatWereNamedHaveTheirRowsAlone) {
  FleetState named("lab", {"a", "b"});
  named.on_told("c", told("avail", "online"));
  named.on_told("b", told("avail", "online"));
  named.on_told("b", told("avail", ""));
  const json rows = json::parse(named.json(kStart))["devices"];
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["state"], "unknown");
  EXPECT_EQ(rows[1]["node"], "b");
  EXPECT_EQ(rows[1]["state"], "unknown");
}

TEST_F(FleetTest, AnybodysInventionsAreBounded) {
  for (std::size_t i = 0; i < FleetState::kMostDevices + 10; ++i) {
    state.on_told("d" + std::to_string(i), told("avail", "online"));
  }
  EXPECT_EQ(devices(1).size(), FleetState::kMostDevices);
  EXPECT_THAT(screen(1), HasSubstr("more devices than can be shown"));
  for (const char* name : {"pool", "UPPER", "a b", "\x1b[2J", ""}) state.on_told(name, told("avail", "online"));
  EXPECT_EQ(devices(1).size(), FleetState::kMostDevices);
}

TEST_F(FleetTest, TheScreenFitsAndNothingMovesTheCursor) {
  state.on_told("a", told("avail", "\x1b[2Jonline\n"));
  state.on_told("a", told("birth", "{\"software\":\"\x1b[31m\"}"));
  state.on_told("a", told("birth", R"({"software":"\u001b[31m\n","epoch":"x"})"));
  state.on_told(
      "a",
      told(
          "health",
          R"({"at_ms":"x","alarms":["\u001b[2J\n",7],"model":{"name":"\u001b[2J\r\nname that is very very very very long"},"figures":{"queue":"many"}})"));
  state.on_refusal("\x1b[2J\n");
  for (int i = 0; i < 50; ++i) state.on_told("node" + std::to_string(i), told("avail", "online"));
  for (const std::size_t rows : {1U, 2U, 5U, 24U, 60U}) {
    for (const std::size_t columns : {1U, 10U, 80U, 200U}) {
      const auto lines = state.screen(columns, rows, kStart);
      EXPECT_LE(lines.size(), rows);
      for (const ScreenLine& line : lines) {
        EXPECT_EQ(line.text.find_first_of("\x1b\n\r"), std::string::npos) << line.text;
        EXPECT_LE(width_of(line.text), columns) << line.text;
      }
    }
  }
  EXPECT_THAT(screen(1, 80, 24), HasSubstr("  and 32 more\n"));
  EXPECT_EQ(state.lines(kStart).find('\x1b'), std::string::npos);
}

TEST_F(FleetTest, NonsenseChangesNothing) {
  state.on_told("a", told("health", health(1000, R"({"queue":3})")));
  for (const char* payload : {"", "[]", "7", "no JSON", R"({"figures":[],"alarms":{},"model":7})"}) {
    for (const char* tail : {"health", "birth", "model/current", "other", "rsp/x/y"})
      state.on_told("a", told(tail, payload));
  }
  EXPECT_EQ(devices(1)[0]["queue"], 3);
  EXPECT_EQ(devices(1)[0]["model"], "pilot");
}

TEST_F(FleetTest, WithoutABrokerItSaysSo) {
  state.on_told("a", told("avail", "online"));
  state.on_connection(false, kStart);
  EXPECT_THAT(screen(1), HasSubstr("no connection to the broker"));
  EXPECT_THAT(screen(1), HasSubstr("~  a "));
  EXPECT_EQ(state.lines(kStart), "lab: no connection to the broker\n");
  EXPECT_EQ(json::parse(state.json(kStart))["connected"], false);
}

}  // namespace
}  // namespace linnet::cli::ctl
