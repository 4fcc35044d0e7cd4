// SPDX-License-Identifier: Apache-2.0
//
// Goal: what the store has answered "ok" to is there after any kind of end, whole; a second process is kept away; and a
// file that is not ours is refused, untouched, in one clear line.
// Method: real files in a temporary folder; other processes are forked children, ended by SIGKILL.
#include "state/local_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "support/child_process.hpp"
#include "support/temp_folder.hpp"

namespace dynamirror::state {
namespace {

using model::ShardCheckpoint;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

const ReplicationIdentity kOrders{"arn:aws:dynamodb:eu-west-1:123456789012:table/Orders",
                                  "arn:aws:dynamodb:us-east-1:123456789012:table/Orders"};
const StreamArn kStream("arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2026-01-01T00:00:00.000");
const StreamArn kOlderStream("arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2025-01-01T00:00:00.000");

model::Checkpoint after(std::string_view digits) {
  return model::AfterSequence{model::SequenceNumber::parse(digits).value()};
}

std::string shard_name(int i) { return "shardId-0000000170000000" + std::to_string(1000 + i) + "-a1b2c3d4"; }

/// `count` rows that all carry the same position.
std::vector<ShardCheckpoint> rows_at(int count, int position) {
  std::vector<ShardCheckpoint> rows;
  for (int i = 0; i < count; ++i) {
    rows.push_back({ShardId(shard_name(i)), {ShardId(shard_name(i + 1000))}, after(std::to_string(position))});
  }
  return rows;
}

std::string read_bytes(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

void run_sql(const std::filesystem::path& file, const char* sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
  sqlite3_close(database);
}

class LocalStoreTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<LocalStore> open() const {
    auto store = LocalStore::open(file_, kOrders);
    EXPECT_TRUE(store.has_value()) << to_line(store.error());
    return store ? std::move(*store) : nullptr;
  }

  [[nodiscard]] Error refusal(const ReplicationIdentity& identity = kOrders) const {
    auto store = LocalStore::open(file_, identity);
    EXPECT_FALSE(store.has_value());
    return store ? Error{} : store.error();
  }

  test::TempFolder folder_;
  std::filesystem::path file_ = folder_ / "orders.state";
};

TEST_F(LocalStoreTest, GivesBackEveryKindOfCheckpointAfterReopening) {
  const std::vector<ShardCheckpoint> rows{
      {ShardId("shard-1"), {}, model::TrimHorizon{}},
      {ShardId("shard-2"), {ShardId("shard-1")}, model::Latest{}},
      {ShardId("shard-3"), {ShardId("shard-1"), ShardId("shard-2")}, after("000012345678901234567890123456789012345")},
      {ShardId("shard-4"), {}, model::ShardEnd{}}};
  ASSERT_TRUE(open()->save(kStream, rows));
  const auto loaded = open()->load(kStream);
  ASSERT_TRUE(loaded);
  EXPECT_THAT(*loaded, UnorderedElementsAreArray(rows));
  // The service's own spelling must come back, leading zeros included.
  const auto third =
      std::find_if(loaded->begin(), loaded->end(), [](auto& row) { return row.shard.str() == "shard-3"; });
  EXPECT_EQ(model::to_string(third->checkpoint), "000012345678901234567890123456789012345");
}

TEST_F(LocalStoreTest, ReplacesTheRowOfAShardThatIsSavedAgain) {
  const auto store = open();
  ASSERT_TRUE(store->save(kStream, rows_at(3, 1)));
  ASSERT_TRUE(store->save(kStream, rows_at(2, 2)));
  std::map<std::string, std::string> found;
  const auto loaded = store->load(kStream).value();
  for (const auto& row : loaded) found[row.shard.str()] = model::to_string(row.checkpoint);
  EXPECT_THAT(found,
              ElementsAre(std::pair(shard_name(0), "2"), std::pair(shard_name(1), "2"), std::pair(shard_name(2), "1")));
}

TEST_F(LocalStoreTest, KeepsTheRowsOfTwoStreamsApart) {
  const auto store = open();
  ASSERT_TRUE(store->save(kStream, rows_at(1, 7)));
  ASSERT_TRUE(store->save(kOlderStream, rows_at(2, 8)));
  EXPECT_EQ(store->load(kStream)->size(), 1u);
  EXPECT_THAT(store->streams().value(), UnorderedElementsAre(kStream, kOlderStream));
  EXPECT_THAT(store->load(StreamArn("unknown")).value(), IsEmpty());
}

TEST_F(LocalStoreTest, RemovesNamedRowsAndIgnoresMissingOnes) {
  const auto store = open();
  ASSERT_TRUE(store->save(kStream, rows_at(3, 1)));
  const std::vector<ShardId> shards{ShardId(shard_name(0)), ShardId(shard_name(2)), ShardId("never-there")};
  ASSERT_TRUE(store->remove(kStream, shards));
  const auto left = store->load(kStream);
  ASSERT_EQ(left->size(), 1u);
  EXPECT_EQ(left->front().shard.str(), shard_name(1));
}

TEST_F(LocalStoreTest, KnowsUntilWhenItsStreamWasReadOnceItIsTold) {
  EXPECT_EQ(*open()->read_until(), std::nullopt);
  const WallTime time(std::chrono::seconds(1'700'000'000));
  EXPECT_TRUE(open()->save_read_until(time + std::chrono::milliseconds(999)));
  EXPECT_EQ(*open()->read_until(), time);
}

TEST_F(LocalStoreTest, SavesNoRowOfACallThatFails) {
  const auto store = open();
  auto rows = rows_at(3, 1);
  rows[1].parents = {ShardId("two\nlines")};
  EXPECT_EQ(store->save(kStream, rows).error().error_class, ErrorClass::kInvalid);
  EXPECT_THAT(store->load(kStream).value(), IsEmpty());
  EXPECT_TRUE(store->save(kStream, rows_at(3, 2))) << "the failure must not leave a transaction open";
}

TEST_F(LocalStoreTest, CreatesMissingFoldersAndAFileThatOnlyItsOwnerCanRead) {
  file_ = folder_ / "a" / "b" / "orders.state";
  const auto store = open();
  ASSERT_TRUE(store->save(kStream, rows_at(1, 1)));
  for (const char* suffix : {"", "-wal"}) {
    struct stat status{};
    ASSERT_EQ(::stat((file_.string() + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 07777, 0600u) << suffix;
  }
  struct stat status{};
  ASSERT_EQ(::stat((folder_ / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(LocalStoreTest, LeavesNothingButTheStateFileBehind) {
  ASSERT_TRUE(open()->save(kStream, rows_at(1, 1)));
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
    names.push_back(entry.path().filename());
  EXPECT_THAT(names, ElementsAre("orders.state"));
}

TEST_F(LocalStoreTest, IsLockedAgainstAnotherProcessWhichItNames) {
  test::ChildProcess holder([&](const auto& report) {
    const auto store = LocalStore::open(file_, kOrders);
    if (!store) return;
    report();
    ::pause();
  });
  ASSERT_TRUE(holder.wait_for_reports(1));
  const Error error = refusal();
  EXPECT_EQ(error.error_class, ErrorClass::kConflict);
  EXPECT_THAT(to_line(error), HasSubstr("in use by process " + std::to_string(holder.pid())));
  EXPECT_THAT(to_line(error), HasSubstr("--state"));
  holder.kill();
  EXPECT_NE(open(), nullptr) << "the lock must die with the process";
}

TEST_F(LocalStoreTest, IsLockedAgainstASecondStoreOfThisProcess) {
  const auto first = open();
  EXPECT_EQ(refusal().error_class, ErrorClass::kConflict);
  EXPECT_TRUE(first->save(kStream, rows_at(1, 1)));
}

TEST_F(LocalStoreTest, IsLockedUnderEveryNameOfTheFile) {
  const auto first = open();
  ASSERT_TRUE(first->save(kStream, rows_at(1, 1)));
  std::filesystem::create_hard_link(file_, folder_ / "alias.state");
  test::ChildProcess other([&](const auto& report) {
    const auto store = LocalStore::open(folder_ / "alias.state", kOrders);
    if (!store && store.error().error_class == ErrorClass::kConflict) report();
  });
  EXPECT_TRUE(other.wait_for_reports(1));
}

// A child saves 50 rows of one position over and over and reports each "ok"; it is killed at a random moment. Every row
// must then be of one and the same save, and of no earlier one than the last reported.
TEST_F(LocalStoreTest, HoldsWholeSavesOnlyAndNoneIsLostWhenTheProcessIsKilled) {
  constexpr int kRows = 50;
  for (int round = 0; round < 20; ++round) {
    test::ChildProcess writer([&](const auto& report) {
      auto store = LocalStore::open(file_, kOrders);
      if (!store) return;
      for (int position = 1;; ++position) {
        if (!(*store)->save(kStream, rows_at(kRows, round * 1'000'000 + position))) return;
        report();
      }
    });
    ASSERT_TRUE(writer.wait_for_reports(1 + round % 5));
    const int confirmed = 1 + round % 5 + writer.kill();

    const auto rows = open()->load(kStream).value();
    ASSERT_EQ(rows.size(), static_cast<std::size_t>(kRows));
    const std::string position = model::to_string(rows.front().checkpoint);
    EXPECT_GE(std::stol(position), round * 1'000'000L + confirmed);
    for (const auto& row : rows) ASSERT_EQ(model::to_string(row.checkpoint), position);
  }
}

TEST_F(LocalStoreTest, CanBeKilledWhileItIsBeingMade) {
  for (int round = 0; round < 20; ++round) {
    file_ = folder_ / ("new-" + std::to_string(round));
    test::ChildProcess maker([&](const auto& report) {
      report();
      (void)LocalStore::open(file_, kOrders);
    });
    ASSERT_TRUE(maker.wait_for_reports(1));
    for (volatile int spin = 0; spin < round * 100'000;) spin = spin + 1;
    maker.kill();
    ASSERT_NE(open(), nullptr) << "round " << round;
  }
}

TEST_F(LocalStoreTest, RefusesTheFileOfAnotherReplicationNamingBoth) {
  ASSERT_TRUE(open()->save(kStream, rows_at(1, 1)));
  const Error error = refusal({"eu-west-1/Customers", "us-east-1/Customers"});
  EXPECT_EQ(error.error_class, ErrorClass::kConflict);
  const std::string line = to_line(error);
  for (const auto& part : {kOrders.source, kOrders.target, std::string("eu-west-1/Customers"),
                           std::string("us-east-1/Customers"), file_.string(), std::string("--state")}) {
    EXPECT_THAT(line, HasSubstr(part));
  }
  EXPECT_EQ(open()->load(kStream)->size(), 1u);
}

TEST_F(LocalStoreTest, RefusesFilesThatAreNoStateFileAndLeavesThemAsTheyWere) {
  const std::string csv = "id;name\n" + std::string(5000, 'x');
  for (const std::string& bytes : {std::string("hello"), std::string("\0\0\0", 3), csv}) {
    write_bytes(file_, bytes);
    const Error error = refusal();
    EXPECT_EQ(error.error_class, ErrorClass::kInvalid);
    EXPECT_THAT(to_line(error), HasSubstr("is not a dynamirror state file; choose another file with --state"));
    EXPECT_EQ(read_bytes(file_), bytes);
  }
}

TEST_F(LocalStoreTest, RefusesTheDatabaseOfAnotherProgramAndLeavesItAsItWas) {
  run_sql(file_, "CREATE TABLE bookmarks(url TEXT); INSERT INTO bookmarks VALUES('x');");
  const std::string before = read_bytes(file_);
  const Error error = refusal();
  EXPECT_EQ(error.error_class, ErrorClass::kInvalid);
  EXPECT_THAT(to_line(error), HasSubstr("database of another program"));
  EXPECT_EQ(read_bytes(file_), before);
}

TEST_F(LocalStoreTest, RefusesAFileOfANewerFormat) {
  (void)open();
  run_sql(file_, "PRAGMA user_version = 99");
  const Error error = refusal();
  EXPECT_EQ(error.error_class, ErrorClass::kInvalid);
  EXPECT_THAT(to_line(error), HasSubstr("newer dynamirror (state format 99"));
}

TEST_F(LocalStoreTest, TakesAnEmptyFileForANewOne) {
  write_bytes(file_, "");
  EXPECT_TRUE(open()->save(kStream, rows_at(1, 1)));
}

TEST_F(LocalStoreTest, RefusesATruncatedFile) {
  ASSERT_TRUE(open()->save(kStream, rows_at(200, 1)));
  const std::string whole = read_bytes(file_);
  ASSERT_GT(whole.size(), 16'384u);
  for (const std::size_t size : {std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{50}, std::size_t{100},
                                 std::size_t{4096}, std::size_t{5000}, whole.size() - 4096, whole.size() - 1}) {
    write_bytes(file_, std::string_view(whole).substr(0, size));
    const Error error = refusal();
    EXPECT_EQ(error.error_class, ErrorClass::kInvalid) << size << ": " << to_line(error);
    EXPECT_THAT(to_line(error), ::testing::AnyOf(HasSubstr("is damaged"), HasSubstr("is not a dynamirror state file")));
  }
}

TEST_F(LocalStoreTest, RefusesAFileWithADamagedPage) {
  ASSERT_TRUE(open()->save(kStream, rows_at(200, 1)));
  std::string bytes = read_bytes(file_);
  std::fill(bytes.end() - 4096, bytes.end(), '\x5a');
  write_bytes(file_, bytes);
  const Error error = refusal();
  EXPECT_EQ(error.error_class, ErrorClass::kInvalid);
  EXPECT_THAT(to_line(error), HasSubstr("is damaged"));
  EXPECT_THAT(to_line(error), HasSubstr("remove it to start over"));
}

TEST_F(LocalStoreTest, SaysSoWhenTheNameIsAFolderOrLiesBelowAFile) {
  file_ = folder_.path();
  EXPECT_THAT(to_line(refusal()), HasSubstr("is a folder; name a file with --state"));
  write_bytes(folder_ / "plain", "x");
  file_ = folder_ / "plain" / "orders.state";
  EXPECT_EQ(refusal().error_class, ErrorClass::kInvalid);
}

TEST_F(LocalStoreTest, SaysSoWhenTheFolderCannotBeWritten) {
  file_ = "/proc/orders.state";  // refused even to root
  const Error error = refusal();
  EXPECT_EQ(error.error_class, ErrorClass::kInvalid);
  EXPECT_THAT(to_line(error), HasSubstr("make its folder writable for this user"));
}

TEST_F(LocalStoreTest, AnswersAnErrorWhenTheDiskIsFullAndKeepsWhatItHad) {
  const auto store = open();
  ASSERT_TRUE(store->save(kStream, rows_at(2, 1)));
  // A limit on the size of files is the full disk that a test can have without being root.
  struct rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{16'384, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status saved = store->save(kStream, rows_at(500, 2));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);

  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(store->load(kStream).value(), UnorderedElementsAreArray(rows_at(2, 1)));
  EXPECT_TRUE(store->save(kStream, rows_at(500, 3))) << "goes on once there is space again";
}

class DefaultPath : public ::testing::Test {
 protected:
  void SetUp() override { set("HOME", "/home/someone"); }
  void TearDown() override {
    for (const auto& [name, value] : saved_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  void set(const std::string& name, const char* value) {
    const char* old = std::getenv(name.c_str());
    saved_.try_emplace(name, old == nullptr ? "" : old);
    value == nullptr ? ::unsetenv(name.c_str()) : ::setenv(name.c_str(), value, 1);
  }
  std::map<std::string, std::string> saved_;
};

TEST_F(DefaultPath, IsBelowTheXdgStateFolder) {
  set("XDG_STATE_HOME", "/var/states");
  const auto path = LocalStore::default_path(kOrders).value();
  EXPECT_EQ(path.parent_path(), "/var/states/dynamirror");
  EXPECT_THAT(path.filename().string(), ::testing::MatchesRegex("[0-9a-f]{16}\\.state"));
}

TEST_F(DefaultPath, FallsBackToTheHomeFolderAndIgnoresARelativeVariable) {
  for (const char* value : {static_cast<const char*>(nullptr), "", "relative/folder"}) {
    set("XDG_STATE_HOME", value);
    EXPECT_EQ(LocalStore::default_path(kOrders)->parent_path(), "/home/someone/.local/state/dynamirror");
  }
}

TEST_F(DefaultPath, DiffersForEachReplication) {
  const auto orders = LocalStore::default_path(kOrders).value();
  EXPECT_EQ(orders, LocalStore::default_path(kOrders).value());
  EXPECT_NE(orders, LocalStore::default_path({kOrders.target, kOrders.source}).value());
  EXPECT_NE(orders, LocalStore::default_path({kOrders.source, kOrders.target + "2"}).value());
}

TEST_F(DefaultPath, NeedsAHome) {
  set("XDG_STATE_HOME", nullptr);
  set("HOME", nullptr);
  const auto path = LocalStore::default_path(kOrders);
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().error_class, ErrorClass::kInvalid);
  EXPECT_THAT(path.error().message, HasSubstr("--state"));
}

}  // namespace
}  // namespace dynamirror::state
