// SPDX-License-Identifier: Apache-2.0
//
// Goal: a state file gives back the scan and the spooled changes that were put into it, after it was closed and opened,
// also when it was made by a version that knew neither.
// Method: real files.
#include "state/scan_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "state/local_store.hpp"
#include "support/temp_folder.hpp"

namespace dynamirror::state {
namespace {

class ScanStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<LocalStore> open() {
    auto store = LocalStore::open(folder_.path() / "state", {"a", "b"});
    EXPECT_TRUE(store) << to_line(store.error());
    return std::move(*store);
  }
  static model::Change change(const std::string& key, const std::string& image) {
    return {key, image, *model::SequenceNumber::parse("1"), WallTime{}};
  }
  test::TempFolder folder_;
};

const ScanJob kJob{.purpose = "copy",
                   .phase = "loading",
                   .share = 1,
                   .shares = 3,
                   .split = 2,
                   .begun = WallTime(std::chrono::seconds(1'700'000'000)),
                   .segments = {{2, "", false}, {3, R"({"id":{"S":"a"}})", true}},
                   .spool = "one"};

TEST_F(ScanStoreTest, GivesBackWhatWasSaved) {
  EXPECT_TRUE(open()->save_scan(kJob));
  auto store = open();
  EXPECT_EQ(*store->load_scan(), kJob);
  const std::vector<ScanSegment> moved{{2, "{}", false}};
  EXPECT_TRUE(store->save_segments(moved));
  EXPECT_TRUE(store->set_scan_phase("done"));
  const auto job = *store->load_scan();
  EXPECT_EQ(job->phase, "done");
  EXPECT_EQ(job->segments.front(), moved.front());
  EXPECT_EQ(job->spool, "one");
  EXPECT_TRUE(store->set_scan_spool("other"));
  EXPECT_EQ((*store->load_scan())->spool, "other");
  EXPECT_TRUE(store->remove_scan());
  EXPECT_EQ(*store->load_scan(), std::nullopt);
}

TEST_F(ScanStoreTest, KeepsTheNewestChangeOfAKey) {
  const auto first = change("k1", "{1}");
  const auto second = change("k2", "{2}");
  const auto deletion = change("k1", "");
  auto store = open();
  EXPECT_TRUE(store->put_changes(std::vector{&first, &second}));
  EXPECT_TRUE(store->put_changes(std::vector{&deletion}));
  store.reset();
  store = open();
  EXPECT_EQ(*store->count_changes(), 2u);
  const auto changes = *store->changes_after(0, 10, 1'000);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].key, "k1");
  EXPECT_EQ(changes[0].image, "");
  EXPECT_EQ(changes[1].image, "{2}");
  EXPECT_EQ(store->changes_after(0, 1, 1'000)->size(), 1u);
  EXPECT_TRUE(store->remove_changes_to(changes[0].row));
  EXPECT_EQ(store->changes_after(0, 10, 1'000)->size(), 1u);
}

TEST_F(ScanStoreTest, ASpoolHasNoIdUntilItGetsOne) {
  EXPECT_EQ(*open()->spool_id(), "");
  EXPECT_TRUE(open()->set_spool_id("one"));
  EXPECT_EQ(*open()->spool_id(), "one");
}

TEST_F(ScanStoreTest, AFileOfTheFormerFormatLearnsIt) {
  open().reset();
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() / "state").c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database,
                         "DROP TABLE scan_job; DROP TABLE scan_segments; DROP TABLE spooled_changes; DROP TABLE facts; "
                         "PRAGMA user_version = 1",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(database);
  auto store = open();
  EXPECT_EQ(*store->load_scan(), std::nullopt);
  EXPECT_TRUE(store->save_scan(kJob));
}

}  // namespace
}  // namespace dynamirror::state
