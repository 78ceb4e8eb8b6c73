#include "runtime/cli/ctl/watch_state.h"

#include <gtest/gtest.h>

#include "runtime/cli/ctl/report.h"

namespace linnet::cli::ctl {
namespace {

const char* const kFirst =
    R"({"epoch":3,"at_ms":5000,"model":{"name":"pilot"},"figures":{"tokens":100,"requests":10,"queue":3,"temperature_c":45.5}})";

TEST(WatchState, RatesComeFromTwoSnapshots) {
  WatchState state("kitchen");
  state.on_avail("online");
  state.on_figures(kFirst);
  EXPECT_NE(state.line().find("tokens/s -"), std::string::npos) << state.line();
  state.on_figures(R"({"at_ms":7000,"tokens":300,"requests":14,"queue":0})");
  EXPECT_NE(state.line().find("tokens/s 100.0"), std::string::npos) << state.line();
  EXPECT_NE(state.line().find("requests/s 2.0"), std::string::npos) << state.line();
  EXPECT_NE(state.line().find("45.5 °C"), std::string::npos) << "a figure that is not told again stays";
  state.on_figures(R"({"at_ms":8000,"tokens":5})");
  EXPECT_NE(state.line().find("tokens/s 100.0"), std::string::npos) << "another run counts from 0: no rate yet";
}

TEST(WatchState, TheFirstRateIsOverTheDevicesTimeAndNotThatOfTheArrival) {
  WatchState state("kitchen");
  state.on_figures(R"({"at_ms":1000,"figures":{"tokens":100}})");   // `health` as the broker kept it,
  state.on_figures(R"({"at_ms":31000,"figures":{"tokens":400}})");  // and at once what `status` says.
  EXPECT_EQ(state.figure("tokens_per_second"), 10);
  state.on_figures(R"({"at_ms":31000,"figures":{"tokens":400}})");
  EXPECT_EQ(state.figure("tokens_per_second"), 10) << "the same moment twice has no rate";
}

TEST(WatchState, TheScreenFitsAndNothingMovesTheCursor) {
  WatchState state("kitchen");
  state.on_figures(kFirst);
  state.on_figures(
      R"({"recent":[{"who":"a\u001b[2J","id":"r1","op":"infer","status":"done","total_ms":12.5,"tokens":9},7]})");
  state.on_event("alarm", "{\"name\":\"\x1b[31m\"}\n");
  state.on_avail("online\x1b[2J\n");
  state.on_refusal("no\x1b[2J\n");
  for (const std::size_t rows : {1U, 5U, 12U, 24U, 60U}) {
    for (const std::size_t columns : {1U, 10U, 80U, 200U}) {
      const auto lines = state.screen(columns, rows);
      EXPECT_LE(lines.size(), rows);
      for (const ScreenLine& line : lines) {
        EXPECT_EQ(line.text.find_first_of("\x1b\n\r"), std::string::npos) << line.text;
        EXPECT_LE(width_of(line.text), columns) << line.text;
      }
    }
  }
  std::string all;
  for (const ScreenLine& line : state.screen(120, 40)) all += line.text + "\n";
  EXPECT_NE(all.find("r1"), std::string::npos) << all;
  EXPECT_NE(all.find("model pilot"), std::string::npos) << all;
}

TEST(WatchState, NonsenseChangesNothing) {
  WatchState state("kitchen");
  for (const char* json : {"", "[]", "7", R"({"recent":3,"queue":"many"})"}) state.on_figures(json);
  state.on_birth("no JSON");
  EXPECT_FALSE(state.figure("queue"));
}

TEST(FiguresText, ListsAreALineAnEntry) {
  EXPECT_EQ(figures_text(R"({"alarms":[],"recent":[{"id":"r1","tokens":3},{"id":"r2","tokens":4}],"queue":1})"),
            "alarms  none\n"
            "queue   1\n"
            "recent  id r1, tokens 3\n"
            "        id r2, tokens 4\n");
}

}  // namespace
}  // namespace linnet::cli::ctl
