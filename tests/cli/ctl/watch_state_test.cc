#include "runtime/cli/ctl/watch_state.h"

#include <gtest/gtest.h>

namespace linnet::cli::ctl {
namespace {

using std::chrono::seconds;

const char* const kFirst =
    R"({"epoch":3,"model":{"name":"pilot"},"figures":{"tokens":100,"requests":10,"queue":3,"temperature_c":45.5}})";

TEST(WatchState, RatesComeFromTwoSnapshots) {
  WatchState state("kitchen");
  state.on_avail("online");
  state.on_figures(kFirst, Clock::time_point(seconds(1)));
  EXPECT_NE(state.line().find("tokens/s -"), std::string::npos) << state.line();
  state.on_figures(R"({"tokens":300,"requests":14,"queue":0})", Clock::time_point(seconds(3)));
  EXPECT_NE(state.line().find("tokens/s 100.0"), std::string::npos) << state.line();
  EXPECT_NE(state.line().find("requests/s 2.0"), std::string::npos) << state.line();
  EXPECT_NE(state.line().find("45.5 °C"), std::string::npos) << "a figure that is not told again stays";
  state.on_figures(R"({"tokens":5})", Clock::time_point(seconds(4)));
  EXPECT_NE(state.line().find("tokens/s 100.0"), std::string::npos) << "another run counts from 0: no rate yet";
}

TEST(WatchState, TheScreenFitsAndNothingMovesTheCursor) {
  WatchState state("kitchen");
  state.on_figures(kFirst, Clock::time_point(seconds(1)));
  state.on_figures(
      R"({"recent":[{"who":"a\u001b[2J","id":"r1","op":"infer","status":"done","total_ms":12.5,"tokens":9},7]})",
      Clock::time_point(seconds(2)));
  state.on_event("alarm", "{\"name\":\"\x1b[31m\"}\n");
  for (const std::size_t rows : {1U, 5U, 12U, 24U, 60U}) {
    for (const std::size_t columns : {1U, 10U, 80U, 200U}) {
      const auto lines = state.screen(columns, rows);
      EXPECT_LE(lines.size(), rows);
      for (const std::string& line : lines) {
        EXPECT_EQ(line.find_first_of("\x1b\n\r"), std::string::npos) << line;
        const auto characters = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
        EXPECT_LE(static_cast<std::size_t>(characters), columns) << line;
      }
    }
  }
  std::string all;
  for (const std::string& line : state.screen(120, 40)) all += line + "\n";
  EXPECT_NE(all.find("r1"), std::string::npos) << all;
  EXPECT_NE(all.find("model pilot"), std::string::npos) << all;
}

TEST(WatchState, NonsenseChangesNothing) {
  WatchState state("kitchen");
  for (const char* json : {"", "[]", "7", R"({"recent":3,"queue":"many"})"})
    state.on_figures(json, Clock::time_point());
  state.on_birth("no JSON");
  EXPECT_FALSE(state.figure("queue"));
}

}  // namespace
}  // namespace linnet::cli::ctl
