// SPDX-License-Identifier: Apache-2.0
//
// Goal: a restore knows what stands at an address, and refuses what is not whole before anything is written.
// Method: backups of every kind in a bucket in memory; their parts read through LinesReader.
#include "jobs/restore/restore_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/content_hash.hpp"
#include "jobs/dump/dump_manifest.hpp"
#include "jobs/restore/lines_reader.hpp"
#include "objects/gzip.hpp"
#include "support/memory_objects.hpp"
#include "support/run_task.hpp"

namespace dynamirror::jobs {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class RestorePlanTest : public ::testing::Test {
 protected:
  [[nodiscard]] Result<RestorePlan> plan(const std::string& name, RestoreShare share = {}) {
    return support::run_task(plan_restore(store, name, stop_, share));
  }

  /// A dump's segment with its manifest.
  void write_segment(std::uint32_t segment, std::uint32_t segments, const std::string& text,
                     const std::string& table = "Orders", WallTime begun = {}) {
    const std::string key = "job/" + std::to_string(segment);
    const std::string packed = objects::gzip(text);
    store.write(key, packed);
    DumpManifest manifest;
    manifest.table = table;
    manifest.begun = begun;
    manifest.ended = begun + std::chrono::seconds(60);
    manifest.segment = segment;
    manifest.segments = segments;
    manifest.object = {.key = key,
                       .lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')),
                       .bytes = text.size(),
                       .stored_bytes = packed.size(),
                       .sha256 = aws::sha256_hex(packed)};
    store.write("job.manifest-" + std::to_string(segment) + "-of-" + std::to_string(segments) + ".json",
                to_json(manifest));
  }

  /// All lines of a part.
  [[nodiscard]] Result<std::string> read(const RestorePart& part) { return support::run_task(read_all(part)); }

  async::Task<Result<std::string>> read_all(RestorePart part) {
    async::CpuPool pool(1);
    LinesReader reader(part, store, pool);
    std::string all;
    while (true) {
      auto lines = co_await reader.next();
      if (!lines) co_return std::unexpected(lines.error());
      if (lines->empty()) co_return all;
      all += *lines;
    }
  }

  support::MemoryObjects store;
  StopRequest stop_;
};

TEST_F(RestorePlanTest, ADumpIsWholeOnlyWithTheManifestsOfAllSegments) {
  write_segment(0, 3, "a\n");
  write_segment(2, 3, "b\nc\n");
  const auto incomplete = plan("job");
  ASSERT_FALSE(incomplete);
  EXPECT_THAT(incomplete.error().message, HasSubstr("1 of 3 segments have no manifest"));
  write_segment(1, 3, "");
  const auto whole = plan("job");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->kind, BackupKind::kDump);
  EXPECT_THAT(whole->parts, SizeIs(3));
  EXPECT_EQ(whole->items, 3u);
}

TEST_F(RestorePlanTest, SharesDivideThePartsAndLookUpNoOthers) {
  for (std::uint32_t segment = 0; segment < 5; ++segment) write_segment(segment, 5, std::string(segment, '\n'));
  store.write("job/3", std::nullopt);  // its own share's to find
  const auto first = plan("job", {0, 2});
  ASSERT_TRUE(first) << to_line(first.error());
  std::vector<std::string> keys;
  for (const RestorePart& part : first->parts) keys.push_back(part.key);
  EXPECT_THAT(keys, ::testing::ElementsAre("job/0", "job/2", "job/4"));
  EXPECT_EQ(first->items, 6u);
  const auto second = plan("job", {1, 2});
  ASSERT_FALSE(second);
  EXPECT_THAT(to_line(second.error()), HasSubstr("job/3: this part of the backup is missing"));
  const auto beyond = plan("job", {7, 8});
  ASSERT_TRUE(beyond);
  EXPECT_THAT(beyond->parts, SizeIs(0));
  EXPECT_EQ(beyond->items, 0u);
}

TEST_F(RestorePlanTest, AStopRequestEndsTheListing) {
  write_segment(0, 1, "a\n");
  stop_.request();
  const auto stopped = plan("job");
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, kStoppedCode);
}

TEST_F(RestorePlanTest, SegmentsOfTwoTablesAreNoDump) {
  write_segment(0, 2, "a\n", "Orders");
  write_segment(1, 2, "b\n", "Users");
  const auto mixed = plan("job");
  ASSERT_FALSE(mixed);
  EXPECT_THAT(mixed.error().message, HasSubstr("different tables: Orders and Users"));
}

TEST_F(RestorePlanTest, SegmentsThatMayBeOfTwoDumpsAreAWarning) {
  write_segment(0, 2, "a\n");
  write_segment(1, 2, "b\n", "Orders", WallTime(std::chrono::seconds(59)));
  EXPECT_THAT(plan("job")->warnings, SizeIs(0));
  write_segment(1, 2, "b\n", "Orders", WallTime(std::chrono::hours(24 * 7)));
  const auto apart = plan("job");
  ASSERT_TRUE(apart);
  ASSERT_THAT(apart->warnings, SizeIs(1));
  EXPECT_THAT(apart->warnings.front(), HasSubstr("between 1970-01-01T00:00:00Z and 1970-01-08T00:00:00Z"));
}

TEST_F(RestorePlanTest, ADumpThatWasNotFinishedIsNoneOfMapboxs) {
  store.write("job.table.json", "{}");
  store.write("job/0", "x");
  const auto unfinished = plan("job");
  ASSERT_FALSE(unfinished);
  EXPECT_THAT(unfinished.error().message, HasSubstr("it was not finished; nothing was restored"));
}

TEST_F(RestorePlanTest, ADumpOfMapboxWithAGapIsIncomplete) {
  store.write("old/0", "x");
  store.write("old/2", "y");
  const auto gap = plan("old");
  ASSERT_FALSE(gap);
  EXPECT_THAT(gap.error().message, HasSubstr("it holds 2 segments, but one is number 2: some are missing"));
}

TEST_F(RestorePlanTest, APartOfAnotherSizeOrAbsentIsNamed) {
  write_segment(0, 1, "a\n");
  store.write("job/0", "something else");
  EXPECT_THAT(plan("job").error().message, HasSubstr("14 bytes where the manifest says"));
  store.write("job/0", std::nullopt);
  const auto absent = plan("job");
  EXPECT_THAT(to_line(absent.error()), HasSubstr("memory:job/0: this part of the backup is missing"));
}

TEST_F(RestorePlanTest, KindsAreToldApartByWhatStandsThere) {
  const std::string id(64, 'a');
  store.write("inc/" + id, "{}");
  EXPECT_EQ(plan("inc")->kind, BackupKind::kIncremental);
  store.write("snap.gz", objects::gzip("{}\n"));
  EXPECT_EQ(plan("snap.gz")->kind, BackupKind::kSnapshot);
  store.write("old/0", "x");
  store.write("old/1", "y");
  const auto old = plan("old");
  EXPECT_EQ(old->kind, BackupKind::kOldDump);
  EXPECT_THAT(old->parts, SizeIs(2));
  EXPECT_THAT(old->warnings, SizeIs(1));
  store.write("photos/cat.jpg", "x");
  EXPECT_THAT(plan("photos").error().message, HasSubstr("no kind of backup has objects named like cat.jpg"));
  EXPECT_THAT(plan("nothing").error().message, HasSubstr("there is nothing"));
}

TEST_F(RestorePlanTest, AnExportNamesItsPartsAndRefusesIon) {
  const std::string summary =
      R"({"version":"2020-06-30","tableArn":"arn","itemCount":2,"outputFormat":"DYNAMODB_JSON"})";
  store.write("exp/manifest-summary.json", summary);
  store.write("exp/manifest-files.json",
              R"({"itemCount":2,"md5Checksum":"bQ==","dataFileS3Key":"AWSDynamoDB/exp/data/p.json.gz"})"
              "\n\n");
  EXPECT_THAT(plan("exp").error().message, HasSubstr("missing"));
  store.write("exp/data/p.json.gz", "x");
  const auto found = plan("exp");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, BackupKind::kFullExport);
  EXPECT_EQ(found->parts.front().key, "exp/data/p.json.gz");
  EXPECT_EQ(found->parts.front().items, 2u);
  store.write("exp/manifest-summary.json", R"({"version":"1","tableArn":"arn","outputFormat":"ION"})");
  EXPECT_THAT(plan("exp").error().message, HasSubstr("only DYNAMODB_JSON"));
}

TEST_F(RestorePlanTest, AnExportWhoseFilesDoNotAddUpIsIncomplete) {
  store.write("exp/manifest-summary.json",
              R"({"version":"2020-06-30","tableArn":"arn","itemCount":3,"outputFormat":"DYNAMODB_JSON"})");
  store.write("exp/manifest-files.json",
              R"({"itemCount":2,"md5Checksum":"bQ==","dataFileS3Key":"AWSDynamoDB/exp/data/p.json.gz"})"
              "\n");
  store.write("exp/data/p.json.gz", "x");
  const auto cut = plan("exp");
  ASSERT_FALSE(cut);
  EXPECT_THAT(cut.error().message, HasSubstr("its files hold 2 items, the summary says 3"));
}

TEST_F(RestorePlanTest, AnIncrementalExportHasItsDataInAFolderThatExportsShare) {
  store.write("exp/manifest-summary.json",
              R"({"version":"2023-08-01","tableArn":"arn","itemCount":1,"outputFormat":"DYNAMODB_JSON",)"
              R"("exportType":"INCREMENTAL_EXPORT"})");
  store.write("exp/manifest-files.json", R"({"itemCount":1,"dataFileS3Key":"some/prefix/AWSDynamoDB/data/p.json.gz"})"
                                         "\n");
  store.write("data/p.json.gz", "x");
  const auto found = plan("exp");
  ASSERT_TRUE(found) << to_line(found.error());
  EXPECT_EQ(found->kind, BackupKind::kIncrementalExport);
  EXPECT_EQ(found->parts.front().key, "data/p.json.gz");
}

TEST_F(RestorePlanTest, LinesComeWholeFromMembersAndPlainTextsOfAnySize) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += "line " + std::to_string(i) + "\n";
  const std::string half = text.substr(0, 1'234'567);
  store.write("two", objects::gzip(half) + objects::gzip(std::string_view(text).substr(half.size())));
  EXPECT_EQ(read({.key = "two"}), text);
  store.write("plain", text + "last without a break");
  EXPECT_EQ(read({.key = "plain"}), text + "last without a break");
  store.write("empty", objects::gzip(""));
  EXPECT_EQ(read({.key = "empty"}), "");
}

TEST_F(RestorePlanTest, DamageIsFound) {
  const std::string packed = objects::gzip("a\nb\n");
  store.write("cut", packed.substr(0, packed.size() - 3));
  EXPECT_THAT(read({.key = "cut"}).error().message, HasSubstr("cut off"));
  store.write("other", packed);
  EXPECT_THAT(read({.key = "other", .sha256 = std::string(64, '0')}).error().message, HasSubstr("SHA-256"));
  EXPECT_THAT(read({.key = "other", .md5_base64 = "AAAA"}).error().message, HasSubstr("MD5"));
  EXPECT_TRUE(read({.key = "other", .sha256 = aws::sha256_hex(packed)}));
}

TEST(DumpManifest, IsReadAsItWasWritten) {
  const DumpManifest manifest{
      .table = "eu-west-1/Orders",
      .segment = 2,
      .segments = 5,
      .gzip = false,
      .object = {.key = "j/2", .lines = 3, .bytes = 40, .stored_bytes = 9, .sha256 = std::string(64, 'e')}};
  const auto read = parse_dump_manifest(to_json(manifest));
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json(*read).substr(0, 60), to_json(manifest).substr(0, 60));
  EXPECT_EQ(read->object.stored_bytes, 9u);
  EXPECT_FALSE(read->gzip);
  EXPECT_FALSE(parse_dump_manifest("{}"));
  EXPECT_FALSE(parse_dump_manifest(R"({"format":"dynamirror-dump-9"})"));
}

TEST_F(RestorePlanTest, WhatMapboxsToolsPutBehindAnEmptyPartOfTheNameIsFound) {
  store.write("/job/0", "a\n");
  const auto dump = plan("job");
  ASSERT_TRUE(dump);
  EXPECT_EQ(dump->kind, BackupKind::kOldDump);
  EXPECT_EQ(dump->parts.front().key, "/job/0");
  store.write("/t/" + std::string(64, 'a'), "{}");
  const auto items = plan("t");
  ASSERT_TRUE(items);
  EXPECT_EQ(items->kind, BackupKind::kIncremental);
  EXPECT_EQ(items->folder, "/t/");
}

TEST_F(RestorePlanTest, ABackupIsNamedByItsManifest) {
  EXPECT_EQ(without_manifest("s3://b/AWSDynamoDB/01/manifest-summary.json"), "s3://b/AWSDynamoDB/01/");
  EXPECT_EQ(without_manifest("s3://b/AWSDynamoDB/01/manifest-files.json"), "s3://b/AWSDynamoDB/01/");
  EXPECT_EQ(without_manifest("file:/d/job.manifest.json"), "file:/d/job");
  EXPECT_EQ(without_manifest("file:/d/job.manifest-0-of-2.json"), "file:/d/job");
  EXPECT_EQ(without_manifest("file:/d/job.table.json"), "file:/d/job");
  for (const char* other : {"s3://b/t", "s3://b/snap.json", "s3://b/t/", "s3://b/x.manifest/t"}) {
    EXPECT_EQ(without_manifest(other), other);
  }
}

TEST_F(RestorePlanTest, AByteOrderMarkIsNoPartOfTheFirstLine) {
  store.write("plain", "\xEF\xBB\xBF{}\n{}\n");
  EXPECT_EQ(read({.key = "plain"}), "{}\n{}\n");
  store.write("packed", objects::gzip("\xEF\xBB\xBF{}"));
  EXPECT_EQ(read({.key = "packed"}), "{}");
}

}  // namespace
}  // namespace dynamirror::jobs
