// SPDX-License-Identifier: Apache-2.0
//
// Goal: a local folder behaves as a bucket does, and nothing leads out of it.
// Method: real files in a fresh folder.
#include "objects/folder_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>

#include "base/files.hpp"
#include "objects/impl/new_file.hpp"
#include "support/failing_disk.hpp"
#include "support/run_task.hpp"
#include "support/temp_folder.hpp"

namespace dynamirror::objects {
namespace {

using support::run_task;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FolderStoreTest : public ::testing::Test {
 protected:
  void put(const std::string& key, const std::string& body) {
    const Status status = run_task(store_.put(key, body, {}));
    ASSERT_TRUE(status) << to_line(status.error());
  }
  Result<std::string> get(const std::string& key, GetOptions options = {}) {
    return run_task(store_.get(key, std::move(options)));
  }
  std::vector<std::string> keys(const std::string& prefix, const std::string& from = {}) {
    const auto page = run_task(store_.list(prefix, from));
    EXPECT_TRUE(page);
    std::vector<std::string> keys;
    if (!page) return keys;
    for (const ObjectInfo& object : page->objects) keys.push_back(object.key);
    EXPECT_EQ(page->next, "");
    return keys;
  }

  test::TempFolder temp_;
  std::filesystem::path folder_ = temp_ / "store";
  Random random_{1};
  FolderStore store_{folder_, random_};
};

TEST_F(FolderStoreTest, KeepsWhatWasPut) {
  put("jobs/1/0", "first");
  put("jobs/1/0", "second");
  EXPECT_EQ(get("jobs/1/0"), "second");
  const auto info = run_task(store_.head("jobs/1/0"));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->size_bytes, 6u);
  EXPECT_GT(info->modified, WallTime(std::chrono::sys_days{std::chrono::year{2024} / 1 / 1}));
  EXPECT_EQ(store_.describe("jobs/1/0"), "file:" + folder_.string() + "/jobs/1/0");
  EXPECT_EQ(store_.requests(), 0u);
}

TEST_F(FolderStoreTest, GivesRanges) {
  put("a", "0123456789");
  const GetOptions middle{.first_byte = 2, .last_byte = 4};
  const GetOptions end{.first_byte = 8, .last_byte = 100};
  const GetOptions behind{.first_byte = 10};
  EXPECT_EQ(get("a", middle), "234");
  EXPECT_EQ(get("a", end), "89");
  EXPECT_EQ(get("a", behind).error().error_class, ErrorClass::kInvalid);
}

TEST_F(FolderStoreTest, SaysWhatIsNotThere) {
  put("a/b", "x");
  const GetOptions version{.version_id = "v1"};
  for (const auto& missing : {get("c"), get("a"), get("a/b/c"), get("a/b", version)}) {
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().error_class, ErrorClass::kNotFound);
  }
  EXPECT_EQ(run_task(store_.head("a")).error().error_class, ErrorClass::kNotFound);
  EXPECT_THAT(to_line(get("c").error()), HasSubstr("get object file:" + folder_.string() + "/c: there is no"));
}

TEST_F(FolderStoreTest, RemovesAndDoesNotMindWhatIsNotThere) {
  put("a/b", "x");
  EXPECT_TRUE(run_task(store_.remove("a/b")));
  EXPECT_FALSE(get("a/b"));
  EXPECT_TRUE(run_task(store_.remove("a/b")));
  EXPECT_TRUE(run_task(store_.remove("a")));
  EXPECT_TRUE(run_task(store_.remove("x/y")));
}

TEST_F(FolderStoreTest, ListsInTheOrderOfWholeKeys) {
  for (const char* key : {"a0", "a/b", "a-b", "a/c/d", "b"}) {
    put(key, "x");
  }
  EXPECT_THAT(keys(""), ElementsAre("a-b", "a/b", "a/c/d", "a0", "b"));
  EXPECT_THAT(keys("a/"), ElementsAre("a/b", "a/c/d"));
  EXPECT_THAT(keys("a"), ElementsAre("a-b", "a/b", "a/c/d", "a0"));
  EXPECT_THAT(keys("a/c"), ElementsAre("a/c/d"));
  EXPECT_THAT(keys("", "a/b"), ElementsAre("a/c/d", "a0", "b"));
  EXPECT_THAT(keys("", "a/c"), ElementsAre("a/c/d", "a0", "b"));
  EXPECT_THAT(keys("z"), IsEmpty());
  EXPECT_THAT(keys("../"), IsEmpty());
}

TEST_F(FolderStoreTest, ListsNothingBeforeTheFirstWrite) { EXPECT_THAT(keys(""), IsEmpty()); }

TEST_F(FolderStoreTest, ListsPageAfterPage) {
  for (const char* key : {"a", "b/1", "b/2", "b-", "c"}) put(key, "x");
  FolderStore store(folder_, random_, 2);
  std::vector<std::vector<std::string>> pages;
  std::string from;
  do {
    const auto page = run_task(store.list("", from));
    ASSERT_TRUE(page);
    auto& keys = pages.emplace_back();
    for (const ObjectInfo& object : page->objects) keys.push_back(object.key);
    from = page->next;
  } while (!from.empty() && pages.size() < 5);
  EXPECT_THAT(pages, ElementsAre(ElementsAre("a", "b-"), ElementsAre("b/1", "b/2"), ElementsAre("c")));
}

TEST_F(FolderStoreTest, ListsTheOneVersionOfEach) {
  put("a", "four");
  const auto page = run_task(store_.list_versions("", ""));
  ASSERT_TRUE(page);
  ASSERT_EQ(page->versions.size(), 1u);
  EXPECT_EQ(page->versions[0].key, "a");
  EXPECT_EQ(page->versions[0].version_id, "null");
  EXPECT_TRUE(page->versions[0].is_latest);
  EXPECT_EQ(page->versions[0].size_bytes, 4u);
  const GetOptions version{.version_id = "null"};
  EXPECT_EQ(get("a", version), "four");
}

TEST_F(FolderStoreTest, LetsNothingOutOfTheFolder) {
  std::ofstream(temp_ / "secret") << "secret";
  for (const std::string& key :
       std::vector<std::string>{"../secret", "a/../../secret", "/etc/passwd", "", "a//b", "a/./b", "a/",
                                ".dynamirror-1", "a/.dynamirror-1", std::string("a\0b", 3)}) {
    EXPECT_EQ(get(key).error().error_class, ErrorClass::kInvalid) << key;
    EXPECT_EQ(run_task(store_.head(key)).error().error_class, ErrorClass::kInvalid) << key;
    EXPECT_EQ(run_task(store_.put(key, "x", {})).error().error_class, ErrorClass::kInvalid) << key;
    EXPECT_EQ(run_task(store_.remove(key)).error().error_class, ErrorClass::kInvalid) << key;
    EXPECT_EQ(run_task(store_.start_upload(key, {})).error().error_class, ErrorClass::kInvalid) << key;
  }
  EXPECT_TRUE(std::filesystem::exists(temp_ / "secret"));
}

TEST_F(FolderStoreTest, ShowsAnUploadOnlyOnceItIsFinished) {
  auto upload = run_task(store_.start_upload("big", {}));
  ASSERT_TRUE(upload);
  ASSERT_TRUE(run_task((*upload)->write("first ")));
  EXPECT_THAT(keys(""), IsEmpty());
  ASSERT_TRUE(run_task((*upload)->write("second")));
  ASSERT_TRUE(run_task((*upload)->finish()));
  EXPECT_THAT(keys(""), ElementsAre("big"));
  EXPECT_EQ(get("big"), "first second");
}

TEST_F(FolderStoreTest, LeavesNothingOfAnUploadThatIsAbortedOrDropped) {
  put("other", "x");
  {
    auto aborted = run_task(store_.start_upload("big", {}));
    ASSERT_TRUE(run_task((*aborted)->write("some")));
    ASSERT_TRUE(run_task((*aborted)->abort()));
    auto dropped = run_task(store_.start_upload("big", {}));
    ASSERT_TRUE(run_task((*dropped)->write("some")));
  }
  const auto left = std::filesystem::directory_iterator(folder_);
  EXPECT_EQ(std::distance(begin(left), end(left)), 1);
}

TEST_F(FolderStoreTest, SaysThatADiskIsFullAndLeavesNothingThere) {
  put("other", "x");
  for (const int call : {1, 2, 3}) {  // write, fsync, rename
    test::arm_disk_fault(test::DiskFault::kFail, call);
    const Status status = run_task(store_.put("a", "x", {}));
    EXPECT_GE(test::disarm_disk_fault(), call);
    ASSERT_FALSE(status);
    EXPECT_TRUE(has_no_room(status.error()));
    EXPECT_THAT(to_line(status.error()), HasSubstr("No space left on device; free some space"));
    const auto left = std::filesystem::directory_iterator(folder_);
    EXPECT_EQ(std::distance(begin(left), end(left)), 1);
  }
}

TEST_F(FolderStoreTest, SaysWhatToRaiseWhenNoMoreFilesMayBeOpen) {
  put("other", "x");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto file = NewFile::create(folder_ / "a", random_);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(file);
  EXPECT_TRUE(has_no_room(file.error()));
  EXPECT_THAT(to_line(file.error()), HasSubstr("Too many open files; allow more open files (ulimit -n)"));
}

TEST_F(FolderStoreTest, SaysWhenItsFolderIsAFile) {
  std::ofstream(temp_ / "store") << "a file";
  const Status status = run_task(store_.put("a", "x", {}));
  ASSERT_FALSE(status);
  EXPECT_THAT(to_line(status.error()), HasSubstr((temp_ / "store").string()));
}

TEST_F(FolderStoreTest, SaysThatANameIsTooLongForAFile) {
  const std::string longest(255, 'n');
  put(longest + "/a", "x");
  EXPECT_EQ(get(longest + "/a"), "x");
  const Status refused = run_task(store_.put(longest + ".json", "x", {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_class, ErrorClass::kInvalid);
  EXPECT_THAT(refused.error().message, HasSubstr("255 bytes at most, and this one would have 260"));
  EXPECT_EQ(get(longest + ".json").error().error_class, ErrorClass::kNotFound);
  EXPECT_EQ(run_task(store_.head(longest + ".json")).error().error_class, ErrorClass::kNotFound);
  EXPECT_TRUE(run_task(store_.remove(longest + ".json")));
}

TEST_F(FolderStoreTest, TheFirstWriteRemovesWhatKilledProcessesLeftAndNothingOfLivingOnes) {
  auto living = run_task(store_.start_upload("jobs/1/0", {}));
  ASSERT_TRUE(living);
  const auto left = folder_ / "jobs/1/.dynamirror-0123456789abcdef";
  std::ofstream(left) << "half";
  FolderStore next(folder_, random_);
  ASSERT_TRUE(run_task(next.put("jobs/2/0", "x", {})));
  EXPECT_FALSE(std::filesystem::exists(left));
  ASSERT_TRUE(run_task((*living)->write("whole")));
  EXPECT_TRUE(run_task((*living)->finish()));
  EXPECT_EQ(get("jobs/1/0"), "whole");
}

}  // namespace
}  // namespace dynamirror::objects
