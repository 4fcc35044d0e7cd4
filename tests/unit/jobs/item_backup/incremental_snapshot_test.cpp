// SPDX-License-Identifier: Apache-2.0
//
// Goal: a snapshot is what the folder's items are, also where objects go meanwhile or stand twice.
// Method: a bucket in memory, with the pages and moments that the test sets; the snapshot is read as lines.
#include "jobs/item_backup/incremental_snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "sink/item_objects.hpp"
#include "support/memory_objects.hpp"
#include "support/run_task.hpp"

namespace dynamirror::jobs {
namespace {

using std::chrono::seconds;

class Snapshot : public ::testing::Test {
 protected:
  static constexpr int kItems = 12;  ///< so many that each name is now the first, now the second of the listing
  enum class Name { kSorted, kOld };

  static std::string key_of(int number) { return R"({"zz":{"S":"x"},"aa":{"N":")" + std::to_string(number) + "\"}}"; }
  void write_all(int second, Name name, const std::string& value) {
    sink::ItemObjects names("t", {.hash = {"zz", "S"}, .range = model::KeyAttribute{"aa", "N"}});
    from.now = WallTime(seconds(second));
    for (int number = 0; number < kItems; ++number) {
      const auto object = names.of(key_of(number));
      std::string item = key_of(number);
      item.pop_back();
      item += R"(,"v":{"S":")" + value + "\"}}";
      from.write(name == Name::kOld ? *object->old_name : object->name, std::move(item));
    }
  }
  async::Task<Result<LinesObjectTotals>> make(bool allow_empty = false) {
    async::CpuPool pool(1);
    const StopRequest stop;
    auto executor = co_await boost::asio::this_coro::executor;
    SnapshotOptions options{.key = "snap", .compression = Compression::kNone, .allow_empty = allow_empty};
    IncrementalSnapshot snapshot(std::move(options), from, "t/", to, pool, stop, executor);
    auto totals = co_await snapshot.run();
    progress = snapshot.progress();
    co_return totals;
  }
  /// "value*count" of the last line of each item in the snapshot, whatever the pages of the listing are.
  std::string values() {
    std::set<std::string> results;
    for (const std::size_t page_size : {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{100}}) {
      from.page_size = page_size;
      EXPECT_TRUE(support::run_task(make()));
      std::map<std::string, std::string> last;
      std::istringstream lines(*to.newest("snap"));
      for (std::string line; std::getline(lines, line);) {
        const std::size_t end_of_key = line.find(",\"v\"");
        last[line.substr(0, end_of_key)] = line.substr(line.rfind(':') + 2, 1);
      }
      std::map<std::string, int> counts;
      for (const auto& [_, value] : last) ++counts[value];
      std::string all;
      for (const auto& [value, count] : counts) all += value + "*" + std::to_string(count) + " ";
      results.insert(all);
    }
    EXPECT_EQ(results.size(), 1u) << ::testing::PrintToString(results);
    return *results.begin();
  }

  support::MemoryObjects from;
  support::MemoryObjects to;
  SnapshotProgress progress;
};

TEST_F(Snapshot, TheNewerObjectOfAnItemUnderBothNamesComesLast) {
  write_all(1, Name::kOld, "1");
  write_all(2, Name::kSorted, "2");
  EXPECT_EQ(values(), "2*12 ");
  EXPECT_EQ(progress.superseded, 12u);
  EXPECT_EQ(progress.read, 12u);
  write_all(3, Name::kOld, "3");
  EXPECT_EQ(values(), "3*12 ");
}

TEST_F(Snapshot, AFolderWithoutOldNamesCostsNoLookUp) {
  write_all(1, Name::kSorted, "1");
  EXPECT_EQ(values(), "1*12 ");
  EXPECT_EQ(from.heads, 0);
}

TEST_F(Snapshot, ObjectsThatAreNoItemsOfOneTableAreTakenAsTheyAre) {
  from.write("t/a", R"({"id":{"S":"x"}})");
  from.write("t/b", "[1]");
  EXPECT_TRUE(support::run_task(make()));
  EXPECT_EQ(to.newest("snap"), "{\"id\":{\"S\":\"x\"}}\n[1]\n");
}

TEST_F(Snapshot, OfNothingDoesNotTakeThePlaceOfAGoodOne) {
  to.write("snap", "a good one");
  const auto refused = support::run_task(make());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_class, ErrorClass::kNotFound);
  EXPECT_EQ(to.newest("snap"), "a good one");
  EXPECT_EQ(to.uploads_under_way, 0);
  EXPECT_TRUE(support::run_task(make(true)));
  EXPECT_EQ(to.newest("snap"), "");
}

TEST_F(Snapshot, DescriptionsOfTablesAreNoItems) {
  from.write("t/a", R"({"id":{"S":"x"}})");
  from.write("t/@tables/orders/settings.table.json", "{}");
  from.write("t/orders.table.json", "{}");
  ASSERT_TRUE(support::run_task(make()));
  EXPECT_EQ(to.newest("snap"), "{\"id\":{\"S\":\"x\"}}\n");
}

}  // namespace
}  // namespace dynamirror::jobs
