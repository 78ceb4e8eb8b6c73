// The plug-ins' promises with the real libgpiod above a chip that fake_gpio.c plays; LINNET_GPIO_FOLDER holds the
// plug-in.

#include "hal/linux/gpio_plugin.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "runtime/base/clock.h"
#include "tests/hal/fake_gpio.h"

namespace linnet::hal {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kLamp = 0;
constexpr unsigned kDoor = 1;
constexpr unsigned kButton = 2;

// A function of the preloaded chip.
template <class Function>
Function* chip_function(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

class GpioPluginTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(std::getenv("LINNET_GPIO_FOLDER"), nullptr);
    wire_ = chip_function<void(unsigned, int)>("fake_gpio_wire");
    level_ = chip_function<int(unsigned)>("fake_gpio_level");
    fail_ = chip_function<void(int, int)>("fake_gpio_fail");
    ASSERT_NE(wire_, nullptr) << "the chip is not preloaded";
    auto gpio = open_gpio(std::getenv("LINNET_GPIO_FOLDER"));
    ASSERT_TRUE(gpio) << gpio.error().message;
    gpio_ = *std::move(gpio);
    for (const unsigned line : {kLamp, kDoor, kButton}) wire_(line, -1);
  }

  std::unique_ptr<GpioLine> hold(const LineSettings& settings) {
    auto line = gpio_->request(settings);
    EXPECT_TRUE(line) << line.error().message;
    return line ? *std::move(line) : nullptr;
  }

  LineInfo info(std::string_view name) {
    for (const LineInfo& line : gpio_->lines()) {
      if (line.name == name) return line;
    }
    return {};
  }

  // What libgpiod 2 can and 1.6 cannot.
  bool debounces() { return gpio_->request({.name = "DOOR", .debounce = milliseconds(1)}).has_value(); }

  void (*wire_)(unsigned, int) = nullptr;
  int (*level_)(unsigned) = nullptr;
  void (*fail_)(int, int) = nullptr;
  std::unique_ptr<Gpio> gpio_;
};

TEST_F(GpioPluginTest, ListsLinesByName) {
  EXPECT_EQ(gpio_->lines().size(), 6u);
  EXPECT_EQ(info("BUTTON").offset, kButton);
  EXPECT_EQ(info("BUTTON").chip, "gpiochip7");
  EXPECT_EQ(info("BUTTON").direction, Direction::kInput);
  EXPECT_EQ(info("BUTTON").consumer, "");
  EXPECT_EQ(info("TAKEN").consumer, "kernel driver");
  const auto lamp = hold({.name = "LAMP", .direction = Direction::kOutput});
  EXPECT_EQ(info("LAMP").direction, Direction::kOutput);
  EXPECT_EQ(info("LAMP").consumer, "linnet");
}

TEST_F(GpioPluginTest, AnOutputBeginsAndEndsInItsSafeState) {
  for (const bool safe : {false, true}) {
    {
      const auto lamp = hold({.name = "LAMP", .direction = Direction::kOutput, .safe_active = safe});
      EXPECT_EQ(level_(kLamp), safe) << "as soon as it is requested";
      ASSERT_TRUE(lamp->set_active(!safe));
      EXPECT_EQ(level_(kLamp), !safe);
      EXPECT_EQ(*lamp->active(), !safe);
    }
    EXPECT_EQ(level_(kLamp), safe);
    EXPECT_EQ(info("LAMP").consumer, "") << "released";
  }
}

TEST_F(GpioPluginTest, ActiveLowIsTheLibrarysBusiness) {
  const auto lamp = hold({.name = "LAMP", .direction = Direction::kOutput, .active_low = true});
  EXPECT_EQ(level_(kLamp), 1) << "inactive";
  ASSERT_TRUE(lamp->set_active(true));
  EXPECT_EQ(level_(kLamp), 0);
  EXPECT_TRUE(*lamp->active());
  const auto door = hold({.name = "DOOR", .edges = EdgeDetection::kBoth, .active_low = true});
  wire_(kDoor, 1);
  wire_(kDoor, 0);
  const auto edge = door->wait_edge(milliseconds(2000));
  ASSERT_TRUE(edge && edge->has_value());
  EXPECT_FALSE((*edge)->rising) << "high is inactive";
  EXPECT_TRUE((*door->wait_edge(milliseconds(2000)))->rising);
}

TEST_F(GpioPluginTest, BiasDecidesWhereNothingIsWired) {
  EXPECT_TRUE(*hold({.name = "DOOR", .bias = Bias::kPullUp})->active());
  EXPECT_FALSE(*hold({.name = "DOOR", .bias = Bias::kPullDown})->active());
  EXPECT_FALSE(*hold({.name = "DOOR", .bias = Bias::kDisabled})->active());
  const auto door = hold({.name = "DOOR", .bias = Bias::kPullUp});
  wire_(kDoor, 0);
  EXPECT_FALSE(*door->active());
  EXPECT_EQ(door->set_active(true).error().kind, ErrorKind::kUnsupported);
}

TEST_F(GpioPluginTest, EdgesComeWithTheKernelsTime) {
  const auto door = hold({.name = "DOOR", .edges = EdgeDetection::kBoth});
  const auto before = Clock::now().time_since_epoch();
  std::thread world([this] {
    std::this_thread::sleep_for(milliseconds(20));
    wire_(kDoor, 1);
    wire_(kDoor, 0);
  });
  const auto rise = door->wait_edge(milliseconds(5000));
  world.join();
  const auto after = Clock::now().time_since_epoch();
  const auto fall = door->wait_edge(milliseconds(5000));
  ASSERT_TRUE(rise && rise->has_value() && fall && fall->has_value());
  EXPECT_TRUE((*rise)->rising);
  EXPECT_FALSE((*fall)->rising);
  EXPECT_GE((*rise)->time, before + milliseconds(20));
  EXPECT_LE((*rise)->time, (*fall)->time);
  EXPECT_LE((*fall)->time, after);
  EXPECT_FALSE(door->wait_edge(milliseconds(5))->has_value()) << "no more";
}

TEST_F(GpioPluginTest, OnlyTheEdgesThatWereAskedFor) {
  const auto rising = hold({.name = "DOOR", .edges = EdgeDetection::kRising});
  const auto falling = hold({.name = "BUTTON", .edges = EdgeDetection::kFalling});
  for (const unsigned line : {kDoor, kButton}) {
    wire_(line, 1);
    wire_(line, 0);
  }
  EXPECT_TRUE((*rising->wait_edge(milliseconds(2000)))->rising);
  EXPECT_FALSE(rising->wait_edge(milliseconds(5))->has_value());
  EXPECT_FALSE((*falling->wait_edge(milliseconds(2000)))->rising);
  EXPECT_FALSE(falling->wait_edge(milliseconds(5))->has_value());
  const auto quiet = hold({.name = "RELAY"});
  EXPECT_EQ(quiet->wait_edge(milliseconds(1)).error().kind, ErrorKind::kUnsupported);
}

TEST_F(GpioPluginTest, IsThePluginOfTheLibraryThatLoads) {
  ASSERT_NE(std::getenv("LINNET_GPIO_DEBOUNCES"), nullptr);
  EXPECT_EQ(debounces(), std::string_view(std::getenv("LINNET_GPIO_DEBOUNCES")) == "1");
}

TEST_F(GpioPluginTest, ABouncingContactIsOneEdgeOrAClearRefusal) {
  const LineSettings settings{.name = "DOOR", .edges = EdgeDetection::kBoth, .debounce = milliseconds(300)};
  if (!debounces()) {
    EXPECT_EQ(gpio_->request(settings).error().kind, ErrorKind::kUnsupported);
    return;
  }
  const auto door = hold(settings);
  for (const int level : {1, 0, 1, 0, 1}) wire_(kDoor, level);
  const auto edge = door->wait_edge(milliseconds(10000));
  ASSERT_TRUE(edge && edge->has_value());
  EXPECT_TRUE((*edge)->rising);
  EXPECT_FALSE(door->wait_edge(milliseconds(700))->has_value());
}

TEST_F(GpioPluginTest, SaysWhyALineCannotBeHad) {
  const auto error = [this](const LineSettings& settings) { return gpio_->request(settings).error(); };
  EXPECT_EQ(error({.name = "NOWHERE"}).kind, ErrorKind::kAbsent);
  EXPECT_EQ(error({.name = ""}).kind, ErrorKind::kAbsent) << "a line without a name is nobody's";
  EXPECT_EQ(error({.name = "TAKEN", .direction = Direction::kOutput}).kind, ErrorKind::kBusy);
  const auto lamp = hold({.name = "LAMP", .direction = Direction::kOutput});
  EXPECT_EQ(error({.name = "LAMP"}).kind, ErrorKind::kBusy) << "held by this process";
  EXPECT_NE(error({.name = "LAMP"}).message.find("LAMP"), std::string::npos);
}

TEST_F(GpioPluginTest, AFailedCallIsAnErrorAndNothingMore) {
  const auto lamp = hold({.name = "LAMP", .direction = Direction::kOutput});
  fail_(1, EIO);
  EXPECT_EQ(lamp->set_active(true).error().kind, ErrorKind::kIo);
  EXPECT_EQ(level_(kLamp), 0);
  fail_(1, EIO);
  EXPECT_EQ(lamp->active().error().kind, ErrorKind::kIo);
  EXPECT_TRUE(lamp->set_active(true));
  // Wherever the kernel refuses on the way to a line, an error comes and the line is not held.
  for (int nth = 1; nth < 40; ++nth) {
    fail_(nth, EPERM);
    const auto door = gpio_->request({.name = "DOOR"});
    fail_(0, 0);
    if (!door) {
      EXPECT_EQ(info("DOOR").consumer, "") << nth;
    }
  }
}

}  // namespace
}  // namespace linnet::hal
