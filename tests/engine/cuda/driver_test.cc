// The driver's answers as Results, and the kernels' files: which one serves, and why the others do not.
#include "runtime/engine/cuda/driver.h"

#include <gtest/gtest.h>

#include <chrono>

#include "runtime/engine/cuda/device.h"
#include "runtime/engine/cuda/kernel_module.h"
#include "tests/engine/cuda/fake_machine.h"

namespace linnet::engine::cuda::test {
namespace {

constexpr std::chrono::milliseconds kPatience{30};

TEST(Driver, AnswersAreErrorsOfTheirKind) {
  const FakeDriver fake;
  const Driver driver(fake.functions());
  EXPECT_TRUE(driver.check(kSuccess, "nothing"));
  const auto kind = [&](Status status) { return driver.check(status, "a call").error().kind; };
  EXPECT_EQ(kind(kOutOfMemory), ErrorKind::kExhausted);
  EXPECT_EQ(kind(kNoDevice), ErrorKind::kAbsent);
  EXPECT_EQ(kind(kStubLibrary), ErrorKind::kAbsent);
  EXPECT_EQ(kind(kUnsupportedPtxVersion), ErrorKind::kUnsupported);
  EXPECT_EQ(kind(kLaunchFailed), ErrorKind::kDeviceLost);
  EXPECT_EQ(driver.check(kOutOfMemory, "reserving").error().message, "CUDA: reserving: CUDA_ERROR_OUT_OF_MEMORY (2)");
}

TEST(Driver, IsFoundOrSaidToBeAbsent) {
  const auto functions = load_driver();
  if (functions) GTEST_SKIP() << "this machine has a CUDA driver";
  EXPECT_EQ(functions.error().kind, ErrorKind::kAbsent);
  EXPECT_EQ(functions.error().message.find('\n'), std::string::npos);
}

TEST(Device, TellsItsFactsAndGoesWithoutATrace) {
  FakeDriver fake({.integrated = true, .memory = 123456});
  {
    const auto device = Device::open(fake.functions(), kPatience);
    ASSERT_TRUE(device) << device.error().message;
    const DeviceFacts& facts = (*device)->facts();
    EXPECT_EQ(to_string(facts), "Fake GPU (compute 8.7, CUDA driver 13.0)");
    EXPECT_TRUE(facts.integrated);
    EXPECT_EQ(facts.free_memory.count, 123456U);
    EXPECT_EQ(facts.multiprocessors, 16);
    EXPECT_EQ(fake.alive(), 2U) << "a context and a stream";
  }
  EXPECT_EQ(fake.alive(), 0U);
  EXPECT_TRUE(fake.faults().empty());
}

TEST(Device, NoneIsAbsent) {
  const FakeDriver fake({.devices = 0});
  const auto device = Device::open(fake.functions(), kPatience);
  ASSERT_FALSE(device);
  EXPECT_EQ(device.error().kind, ErrorKind::kAbsent);
}

TEST(Device, OneThatHangsIsLostAndLeftAlone) {
  FakeDriver fake;
  {
    auto device = *Device::open(fake.functions(), kPatience);
    fake.hang();
    const auto waited = device->wait("a test");
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error().kind, ErrorKind::kDeviceLost);
    EXPECT_NE(waited.error().message.find("30 ms"), std::string::npos);
  }
  EXPECT_EQ(fake.alive(), 2U) << "giving back would hang";
}

class Kernels : public testing::Test {
 protected:
  Result<KernelModule> load() { return KernelModule::load(*device_, folder_.path()); }

  FakeDriver fake_;
  KernelFolder folder_;
  std::unique_ptr<Device> device_ = *Device::open(fake_.functions(), kPatience);
};

TEST_F(Kernels, NoFolderAndNoFileAreAbsent) {
  EXPECT_EQ(load().error().kind, ErrorKind::kAbsent);
  folder_.put("readme.txt", "version 1");
  EXPECT_EQ(load().error().kind, ErrorKind::kAbsent);
  EXPECT_EQ(KernelModule::load(*device_, folder_.path() + "/none").error().kind, ErrorKind::kAbsent);
}

TEST_F(Kernels, MachineCodeIsTakenBeforeText) {
  folder_.put_good("z.ptx");
  folder_.put_good("y.cubin");
  folder_.put_good("a.fatbin");
  const auto kernels = load();
  ASSERT_TRUE(kernels) << kernels.error().message;
  EXPECT_EQ(kernels->file(), "a.fatbin");
  EXPECT_TRUE(kernels->refused().empty());
}

TEST_F(Kernels, WhatTheDriverRefusesIsPassedOver) {
  folder_.put("a.fatbin", "error " + std::to_string(kNoBinaryForGpu));
  folder_.put("b.ptx", "error " + std::to_string(kUnsupportedPtxVersion));
  folder_.put_good("a.ptx");
  const auto kernels = load();
  ASSERT_TRUE(kernels) << kernels.error().message;
  EXPECT_EQ(kernels->file(), "a.ptx");
  ASSERT_EQ(kernels->refused().size(), 2U);
  EXPECT_EQ(kernels->refused()[0].name, "a.fatbin");
  EXPECT_NE(kernels->refused()[1].reason.find("222"), std::string::npos);
}

TEST_F(Kernels, AnotherVersionIsRefusedWithBoth) {
  folder_.put("a.fatbin", "version 999");
  const auto kernels = load();
  ASSERT_FALSE(kernels);
  EXPECT_EQ(kernels.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(kernels.error().message.find("999"), std::string::npos) << kernels.error().message;
  EXPECT_NE(kernels.error().message.find("needs " + std::to_string(kernels::cuda::kVersion)), std::string::npos);
  EXPECT_EQ(fake_.alive(), 2U) << "the module is unloaded";
}

// Each call of loading, failing once: an error or another file, and nothing is left behind.
TEST_F(Kernels, AFailureAnywhereLeavesNothing) {
  folder_.put_good("a.fatbin");
  const std::size_t before = fake_.calls();
  ASSERT_TRUE(load());
  const std::size_t calls = fake_.calls() - before;
  ASSERT_GT(calls, kernels::cuda::kKernelCount);
  for (std::size_t i = 0; i < calls; ++i) {
    fake_.fail_after(i, kLaunchFailed);
    EXPECT_FALSE(load()) << "call " << i;
    EXPECT_EQ(fake_.alive(), 2U) << "call " << i;
  }
}

}  // namespace
}  // namespace linnet::engine::cuda::test
