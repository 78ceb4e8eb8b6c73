#include "runtime/daemon/bus_guard.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "runtime/base/mapped_file.h"

namespace linnet::daemon {
namespace {

TEST(BusGuard, AFileThatShrinksReadsAsZerosAndIsCounted) {
  ASSERT_TRUE(install_bus_guard());
  const std::string path = testing::TempDir() + "shrinks";
  std::ofstream(path) << std::string(64 * 1024, 'x');
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  ASSERT_EQ(truncate(path.c_str(), 4096), 0);
  const auto before = bus_faults();
  const volatile std::byte* bytes = file->bytes().data();
  const auto read = [bytes](std::size_t place) { return static_cast<int>(bytes[place]); };
  EXPECT_EQ(read(0), 'x');
  EXPECT_EQ(bus_faults(), before);
  EXPECT_EQ(read(40000), 0);
  EXPECT_EQ(read(40001), 0) << "the same page: no second fault";
  EXPECT_EQ(bus_faults(), before + 1);
}

}  // namespace
}  // namespace linnet::daemon
