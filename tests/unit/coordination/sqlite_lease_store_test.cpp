// SPDX-License-Identifier: Apache-2.0
//
// Goal: several processes share a file of leases without losing a write, and a file that is not theirs stays as it is.
// Method: real processes (fork), real files. What all stores have in common is in lease_store_test.cpp.
#include "coordination/sqlite_lease_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/this_coro.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

#include "async/disk_thread.hpp"
#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "state/local_store.hpp"
#include "support/run_task.hpp"
#include "support/temp_folder.hpp"

namespace dynamirror::coordination {
namespace {

using Kind = LeaseWrite::Kind;
using Outcome = LeaseStore::Outcome;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class SqliteLeaseStoreTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<SqliteLeaseStore>> open(const std::string& job = "test",
                                                 std::chrono::milliseconds give_up_after = kPatient) {
    return SqliteLeaseStore::open({.file = file_, .job = job, .give_up_after = give_up_after}, system_clock(), random_);
  }

  /// Runs `work` in so many processes at the same time; true when all of them say so.
  static bool run_in_processes(int count, const std::function<bool(int)>& work) {
    std::vector<pid_t> children;
    for (int number = 0; number < count; ++number) {
      const pid_t child = ::fork();
      if (child == 0) ::_exit(work(number) ? 0 : 1);
      children.push_back(child);
    }
    bool good = true;
    for (const pid_t child : children) {
      int status = 0;
      good = ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0 && good;
    }
    return good;
  }

  /// Renews lease "a" so many times, against whoever else does.
  static async::Task<bool> renew(LeaseStore& store, int times) {
    for (int attempts = 0; times > 0 && attempts < 100'000; ++attempts) {
      const auto lease = co_await store.get("a");
      if (!lease || !*lease) co_return false;
      LeaseWrite write{.kind = Kind::kRenew, .key = "a", .counter = (*lease)->counter};
      const auto outcome = co_await store.write(std::move(write), kNoDeadline);
      if (!outcome) co_return false;
      if (*outcome == Outcome::kDone) --times;
    }
    co_return times == 0;
  }

  std::string content() const {
    std::ifstream stream(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  static constexpr std::chrono::milliseconds kPatient{60'000};
  test::TempFolder folder_;
  const std::filesystem::path file_ = folder_ / "made" / "leases";
  Random random_{1};
};

TEST_F(SqliteLeaseStoreTest, LosesNoRenewalBetweenProcesses) {
  constexpr int kProcesses = 4;
  constexpr int kTimes = 40;
  {
    const auto store = open();
    ASSERT_TRUE(store) << to_line(store.error());
    ASSERT_TRUE(
        support::run_task((*store)->write({.kind = Kind::kCreate, .key = "a", .checkpoint = "0"}, kNoDeadline)));
  }
  EXPECT_TRUE(run_in_processes(kProcesses, [&](int) {
    const auto store = open();
    return store && support::run_task(renew(**store, kTimes));
  }));
  const auto store = open();
  ASSERT_TRUE(store);
  EXPECT_EQ(support::run_task((*store)->get("a"))->value().counter, kProcesses * kTimes);
}

/// A write of which the time is over when the disk, which others have kept busy, comes to it.
async::Task<Result<Outcome>> write_behind(LeaseStore& store, Duration busy) {
  const SteadyTime not_after = system_clock().steady_now() + busy;
  const auto keep_busy = [not_after] {
    while (system_clock().steady_now() < not_after) std::this_thread::yield();
    return 0;
  };
  async::TaskGroup others(co_await boost::asio::this_coro::executor);
  const auto other = [](auto work) -> async::Task<> { (void)co_await async::on_disk_thread(work); };
  others.spawn(other(keep_busy));
  co_await async::sleep_for(Duration::zero());  // it is busy now
  LeaseWrite create{.kind = Kind::kCreate, .key = "a", .checkpoint = "0"};
  auto written = co_await store.write(std::move(create), not_after);
  co_await others.join();
  co_return written;
}

TEST_F(SqliteLeaseStoreTest, WritesNothingWhenItsTurnComesTooLate) {
  const auto store = open();
  ASSERT_TRUE(store);
  const auto written = support::run_task(write_behind(**store, std::chrono::milliseconds(200)));
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().not_applied);
  EXPECT_FALSE(support::run_task((*store)->get("a"))->has_value());
}

TEST_F(SqliteLeaseStoreTest, IsMadeByOneOfSeveralProcessesThatStartTogether) {
  EXPECT_TRUE(run_in_processes(8, [&](int number) {
    const auto store = open();
    LeaseWrite create{.kind = Kind::kCreate, .key = "of-" + std::to_string(number), .checkpoint = "0"};
    return store && support::run_task((*store)->write(std::move(create), kNoDeadline)) == Outcome::kDone;
  }));
  const auto store = open();
  ASSERT_TRUE(store);
  EXPECT_THAT(support::run_task((*store)->scan({}))->leases, SizeIs(8));
  for (const auto& entry : std::filesystem::directory_iterator(file_.parent_path())) {
    const std::string name = entry.path().filename();
    EXPECT_TRUE(name == "leases" || name == "leases-wal" || name == "leases-shm") << name << " was left behind";
  }
}

TEST_F(SqliteLeaseStoreTest, IsReadableForThisUserOnly) {
  ASSERT_TRUE(open());
  struct stat status{};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(SqliteLeaseStoreTest, RefusesTheLeasesOfAnotherJob) {
  ASSERT_TRUE(open("one"));
  const auto refused = open("two");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_class, ErrorClass::kConflict);
  EXPECT_THAT(to_line(refused.error()), HasSubstr("holds the leases of one, not of two"));
  EXPECT_TRUE(open("one"));
}

TEST_F(SqliteLeaseStoreTest, ShowsTheLeasesOfAnyJobWhenNoneIsNamed) {
  const auto missing = open("");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().error_class, ErrorClass::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(file_.parent_path()));
  ASSERT_TRUE(open("one"));
  EXPECT_TRUE(open(""));
}

TEST_F(SqliteLeaseStoreTest, RefusesAnEmptyFile) {
  std::filesystem::create_directories(file_.parent_path());
  std::ofstream{file_};
  ASSERT_FALSE(open());
  EXPECT_EQ(content(), "");
}

TEST_F(SqliteLeaseStoreTest, LeavesFilesOfOthersAsTheyAre) {
  std::filesystem::create_directories(file_.parent_path());
  std::ofstream(file_) << std::string(4096, 'x');
  const std::string before = content();
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_class, ErrorClass::kInvalid);
  EXPECT_EQ(content(), before);
}

TEST_F(SqliteLeaseStoreTest, RefusesAStateFile) {
  ASSERT_TRUE(state::LocalStore::open(file_, {"source", "target"}));
  const std::string before = content();
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_THAT(to_line(refused.error()), HasSubstr("is no lease file of dynamirror"));
  EXPECT_EQ(content(), before);
}

TEST_F(SqliteLeaseStoreTest, GivesUpWhenTheFileStaysLocked) {
  const auto store = open("test", std::chrono::milliseconds(40));
  ASSERT_TRUE(store);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const LeaseWrite create{.kind = Kind::kCreate, .key = "a", .checkpoint = "0"};
  const auto given_up = support::run_task((*store)->write(create, kNoDeadline));
  ASSERT_FALSE(given_up);
  EXPECT_EQ(given_up.error().error_class, ErrorClass::kThrottled) << "surely not written";
  EXPECT_THAT(to_line(given_up.error()), HasSubstr("another process keeps it locked"));
  EXPECT_GT((*store)->statistics().requests, 1u);
  EXPECT_TRUE(support::run_task((*store)->scan({}))) << "readers do not wait for writers";
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_EQ(support::run_task((*store)->write(create, kNoDeadline)), Outcome::kDone);
}

}  // namespace
}  // namespace dynamirror::coordination
