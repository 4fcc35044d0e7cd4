// SPDX-License-Identifier: Apache-2.0
//
// Goal: a new dump takes away what an older one of its name says of itself, and nothing else.
// Method: a bucket in memory.
#include "jobs/dump/dump_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/memory_objects.hpp"
#include "support/run_task.hpp"

namespace dynamirror::jobs {
namespace {

using support::run_task;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

aws::TableSettings settings_of(const std::string& table) {
  return {.description_json = R"({"TableName":")" + table + R"(","TableArn":"arn:)" + table +
                              R"(","TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],)"
                              R"("AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]})",
          .time_to_live_attribute = {}};
}

class DumpNamesTest : public ::testing::Test {
 protected:
  /// Those of the objects that are there now.
  [[nodiscard]] std::vector<std::string> left() const {
    std::vector<std::string> keys;
    for (const auto& [key, versions] : store.versions) {
      if (store.newest(key)) keys.push_back(key);
    }
    return keys;
  }
  support::MemoryObjects store;
};

TEST_F(DumpNamesTest, OnlyManifestsThatAreNotTrueAnyMoreGo) {
  for (const char* key : {"job.manifest.json", "job.manifest-0-of-2.json", "job.manifest-1-of-2.json",
                          "job.manifest-0-of-3.json", "job.manifest-1-of-3.json", "job.manifest.json.sha256",
                          "job.manifest-x/0", "job.manifest-a-of-b.json", "job/0", "job2.manifest.json"}) {
    store.write(key, "x");
  }
  ASSERT_TRUE(run_task(remove_old_manifests(store, {"job", 1, 3})));
  EXPECT_THAT(left(), ElementsAre("job.manifest-0-of-3.json", "job.manifest-a-of-b.json", "job.manifest-x/0",
                                  "job.manifest.json.sha256", "job/0", "job2.manifest.json"));
  ASSERT_TRUE(run_task(remove_old_manifests(store, {"job"})));
  EXPECT_THAT(left(), ElementsAre("job.manifest-a-of-b.json", "job.manifest-x/0", "job.manifest.json.sha256", "job/0",
                                  "job2.manifest.json"));
}

TEST_F(DumpNamesTest, TheNameOfAnotherTablesDumpIsRefused) {
  const DumpNames names{"job"};
  EXPECT_TRUE(run_task(check_dump_name(store, names, settings_of("Orders"))));
  ASSERT_TRUE(run_task(begin_dump(store, names, settings_of("Orders"))));
  EXPECT_TRUE(run_task(check_dump_name(store, names, settings_of("Orders"))));
  const auto other = run_task(check_dump_name(store, names, settings_of("Users")));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().error_class, ErrorClass::kConflict);
  EXPECT_THAT(other.error().message, HasSubstr("arn:Orders"));
}

TEST_F(DumpNamesTest, ABucketThatMayOnlyBeWrittenToIsNoHindrance) {
  const Error denied{.error_class = ErrorClass::kDenied, .doing = {}, .resource = {}, .code = {}, .message = "no"};
  store.get_errors.emplace("job.table.json", denied);
  EXPECT_TRUE(run_task(check_dump_name(store, {"job"}, settings_of("Orders"))));
}

}  // namespace
}  // namespace dynamirror::jobs
