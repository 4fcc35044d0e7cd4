// SPDX-License-Identifier: Apache-2.0
//
// Goal: a restore from single objects gives the state of the moment that was asked for, and says where it cannot.
// Method: a bucket in memory with pages of two entries, moments that the test sets, and a target in memory.
#include "jobs/restore/restore_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "sink/item_objects.hpp"
#include "support/memory_objects.hpp"
#include "support/run_task.hpp"

namespace dynamirror::jobs {
namespace {

using std::chrono::seconds;

/// The newest image of every item.
class MemoryTable final : public sink::ChangeSink {
 public:
  std::map<std::string, std::string> items;  ///< by key

  [[nodiscard]] Limits limits() const override { return {}; }
  [[nodiscard]] std::string describe() const override { return "target"; }
  [[nodiscard]] async::Task<Result<std::vector<sink::Outcome>>> write(std::span<const model::Change* const> changes,
                                                                      SteadyTime /*not_after*/) override {
    for (const model::Change* change : changes) items[std::string(change->key())] = change->image();
    co_return std::vector<sink::Outcome>(changes.size(), sink::Applied{});
  }
};

class RestoreFolder : public ::testing::Test {
 protected:
  static WallTime at(int second) { return WallTime(seconds(second)); }
  static std::string item(const std::string& id, const std::string& value) {
    return R"({"id":{"S":")" + id + R"("},"v":{"S":")" + value + "\"}}";
  }
  static std::string name_of(const std::string& id) {
    sink::ItemObjects names("t", {.hash = {"id", "S"}, .range = std::nullopt});
    return names.of(R"({"id":{"S":")" + id + "\"}}").value().name;
  }
  void write(int second, const std::string& id, std::optional<std::string> body) {
    store.now = at(second);
    store.write(name_of(id), std::move(body));
  }
  void write_unversioned(int second, const std::string& id, std::optional<std::string> body) {
    store.now = at(second);
    store.write_unversioned(name_of(id), std::move(body));
  }
  async::Task<Status> read(RestoreOptions options, RestoreShare share) {
    const RestorePlan plan{.kind = BackupKind::kIncremental, .share = share, .folder = "t/"};
    async::CpuPool pool(1);
    const StopRequest stop;
    auto executor = co_await boost::asio::this_coro::executor;
    const ItemLoader::Options loader_options;
    ItemLoader loader({key, table, nullptr, system_clock(), random, executor}, loader_options);
    Restore restore(plan, std::move(options), store, loader, pool, stop, executor);
    Status status = co_await restore.run();
    const auto finished = co_await loader.finish();
    EXPECT_TRUE(finished);
    progress = restore.progress();
    complete = restore.complete();
    co_return status;
  }
  /// What the target holds after a restore to that moment, or of the newest state: the items in their keys' order.
  std::string restored(std::optional<int> second = std::nullopt) {
    table.items.clear();
    RestoreOptions options;
    options.key = key;
    if (second) options.as_of = at(*second);
    read_items = 0;
    for (const RestoreShare& share : shares) {
      const auto status = support::run_task(read(options, share));
      EXPECT_TRUE(status) << to_line(status.error());
      read_items += progress.items;
    }
    std::string all;
    for (const auto& [_, image] : table.items) all += image + " ";
    return all;
  }

  model::KeySchema key{.hash = {"id", "S"}, .range = std::nullopt};
  support::MemoryObjects store;
  Random random{1};
  MemoryTable table;
  std::vector<RestoreShare> shares{{0, 1}};  ///< of the processes, in the order in which they come
  std::uint64_t read_items = 0;              ///< by all of them
  RestoreProgress progress;                  ///< of the last one
  Status complete;
};

TEST_F(RestoreFolder, WhatWasWrittenBeforeTheBucketWasVersionedComesBackAsItWas) {
  write_unversioned(1, "a", item("a", "1"));
  write(3, "a", item("a", "3"));
  EXPECT_EQ(restored(2), item("a", "1") + " ");
  EXPECT_EQ(restored(3), item("a", "3") + " ");
  EXPECT_EQ(restored(), item("a", "3") + " ");
}

TEST_F(RestoreFolder, AnItemWhoseStateOfThenWasNotKeptMakesTheRestoreIncomplete) {
  write_unversioned(1, "a", item("a", "1"));
  write_unversioned(3, "b", item("b", "3"));
  write(4, "b", item("b", "4"));
  write_unversioned(3, "c", item("c", "3"));
  EXPECT_EQ(restored(2), item("a", "1") + " ");
  EXPECT_EQ(progress.not_known, 2u);
  EXPECT_EQ(progress.not_there, 0u);
  ASSERT_FALSE(complete);
  EXPECT_EQ(complete.error().error_class, ErrorClass::kInvalid);
  EXPECT_THAT(to_line(complete.error()), ::testing::HasSubstr("2 objects"));

  EXPECT_EQ(restored(3), item("a", "1") + " " + item("b", "3") + " " + item("c", "3") + " ");
  EXPECT_EQ(progress.not_known, 0u);
  EXPECT_TRUE(complete);
}

TEST_F(RestoreFolder, AnObjectThatHoldsAnItemOfAnotherKeyEndsTheRestoreNamingBoth) {
  write(1, "a", item("b", "1"));
  RestoreOptions options;
  options.key = key;
  const auto status = support::run_task(read(std::move(options), {}));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().error_class, ErrorClass::kInvalid);
  EXPECT_THAT(to_line(status.error()), ::testing::HasSubstr(name_of("a")));
  EXPECT_THAT(to_line(status.error()), ::testing::HasSubstr(R"({"id":{"S":"b"}})"));
  EXPECT_TRUE(table.items.empty());
}

TEST_F(RestoreFolder, AnItemThatHasOnlyLaterVersionsIsCounted) {
  write(1, "a", item("a", "1"));
  write(3, "a", item("a", "3"));
  write(4, "a", item("a", "4"));
  write(3, "b", item("b", "3"));
  write(4, "b", std::nullopt);
  write(1, "c", item("c", "1"));
  write(3, "d", item("d", "3"));
  EXPECT_EQ(restored(2), item("a", "1") + " " + item("c", "1") + " ");
  EXPECT_EQ(progress.not_there, 2u);
  EXPECT_EQ(progress.not_known, 0u);
  EXPECT_TRUE(progress.versioned);
  EXPECT_TRUE(complete);
}

TEST_F(RestoreFolder, SharesOfAFolderAreTheWholeAndNoneIsReadTwice) {
  for (int i = 0; i < 20; ++i) write(1, "id" + std::to_string(i), item("id" + std::to_string(i), "1"));
  const std::string whole = restored();
  const std::string then = restored(1);
  shares = {{2, 3}, {0, 3}, {1, 3}};
  EXPECT_EQ(restored(), whole);
  EXPECT_EQ(read_items, 20u);
  EXPECT_LT(progress.items, 15u);
  EXPECT_GT(progress.items, 0u);
  EXPECT_EQ(restored(1), then);
  EXPECT_EQ(read_items, 20u);
}

TEST_F(RestoreFolder, AFolderWithoutASingleVersionIsSeen) {
  write_unversioned(1, "a", item("a", "1"));
  EXPECT_EQ(restored(2), item("a", "1") + " ");
  EXPECT_FALSE(progress.versioned);
}

/// A table with a composite key, of whose items mapbox's tools may have left two objects each.
class RestoreTwoNames : public RestoreFolder {
 protected:
  static constexpr int kItems = 12;  ///< so many that each name is now the first, now the second of the listing
  RestoreTwoNames() { key = {.hash = {"zz", "S"}, .range = model::KeyAttribute{"aa", "N"}}; }

  static std::string item(int number, const std::string& value) {
    return R"({"zz":{"S":"x"},"aa":{"N":")" + std::to_string(number) + R"("},"v":{"S":")" + value + "\"}}";
  }
  enum class Name { kSorted, kOld };
  void write(int second, Name name, int number, std::optional<std::string> value) {
    const auto object =
        sink::ItemObjects("t", key).of(R"({"zz":{"S":"x"},"aa":{"N":")" + std::to_string(number) + "\"}}");
    store.now = at(second);
    if (value) value = item(number, *value);
    store.write(name == Name::kOld ? *object->old_name : object->name, std::move(value));
  }
  void write_all(int second, Name name, const std::optional<std::string>& value) {
    for (int number = 0; number < kItems; ++number) write(second, name, number, value);
  }
  /// "value*count" of what a restore gives, whatever the pages of the listing are.
  std::string values(std::optional<int> second = std::nullopt) {
    std::set<std::string> results;
    for (const std::size_t page_size : {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{100}}) {
      store.page_size = page_size;
      (void)restored(second);
      std::map<std::string, int> counts;
      for (const auto& [_, image] : table.items) ++counts[image.substr(image.rfind(':') + 2, 1)];
      std::string all;
      for (const auto& [value, count] : counts) all += value + "*" + std::to_string(count) + " ";
      results.insert(all);
    }
    EXPECT_EQ(results.size(), 1u) << ::testing::PrintToString(results);
    return *results.begin();
  }
};

TEST_F(RestoreTwoNames, TheNewerObjectOfAnItemCounts) {
  write_all(1, Name::kOld, "1");
  EXPECT_EQ(values(), "1*12 ");
  write_all(2, Name::kSorted, "2");
  EXPECT_EQ(values(), "2*12 ");
  EXPECT_EQ(progress.superseded, 12u);
  write_all(3, Name::kOld, "3");
  EXPECT_EQ(values(), "3*12 ");
  EXPECT_EQ(values(1), "1*12 ");
  EXPECT_EQ(values(2), "2*12 ");
  EXPECT_EQ(values(3), "3*12 ");
}

TEST_F(RestoreTwoNames, AnItemDeletedUnderItsSortedNameStaysDeletedAsOfAMoment) {
  write_all(1, Name::kOld, "1");
  write_all(2, Name::kSorted, "2");
  write_all(3, Name::kSorted, std::nullopt);
  write_all(4, Name::kOld, "4");
  EXPECT_EQ(values(2), "2*12 ");
  EXPECT_EQ(values(3), "");
  EXPECT_EQ(values(4), "4*12 ");
}

TEST_F(RestoreTwoNames, AnItemThatMovedToItsSortedNameIsThere) {
  write_all(1, Name::kOld, "1");
  write_all(3, Name::kSorted, "3");
  write_all(3, Name::kOld, std::nullopt);
  write(2, Name::kOld, kItems, "2");
  EXPECT_EQ(values(1), "1*12 ");
  EXPECT_EQ(values(3), "2*1 3*12 ");
  EXPECT_EQ(values(), "2*1 3*12 ");
}

TEST_F(RestoreTwoNames, TheNewerObjectCountsWhicheverProcessMeetsWhichNameFirst) {
  write_all(1, Name::kOld, "1");
  write_all(2, Name::kSorted, "2");
  for (const std::vector<RestoreShare>& order : {std::vector<RestoreShare>{{0, 2}, {1, 2}}, {{1, 2}, {0, 2}}}) {
    shares = order;
    EXPECT_EQ(values(), "2*12 ");
    EXPECT_EQ(values(1), "1*12 ");
  }
  write_all(3, Name::kOld, "3");
  for (const std::vector<RestoreShare>& order : {std::vector<RestoreShare>{{0, 2}, {1, 2}}, {{1, 2}, {0, 2}}}) {
    shares = order;
    EXPECT_EQ(values(), "3*12 ");
    EXPECT_EQ(values(2), "2*12 ");
  }
}

TEST_F(RestoreTwoNames, AFolderWithoutOldNamesCostsNoLookUp) {
  write_all(1, Name::kSorted, "1");
  EXPECT_EQ(values(), "1*12 ");
  EXPECT_EQ(store.heads, 0);
  write(2, Name::kOld, 0, "2");
  EXPECT_EQ(values(), "1*11 2*1 ");
  EXPECT_GT(store.heads, 0);
}

}  // namespace
}  // namespace dynamirror::jobs
