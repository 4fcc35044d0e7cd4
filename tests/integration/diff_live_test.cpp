// SPDX-License-Identifier: Apache-2.0
//
// Goal: while a table is written to and a replication follows it, a comparison reports nothing that is not lasting, and
// a repair mends what is, without ever writing an older state over a newer one.
// Method: a workload, a replication and the job at the same time, on a thread each. The workload waits for the
// replication, so that the replica's lag stays far below what the comparison allows. Every value is written once and
// numbered: the logs of both tables then show whether a write of the repair went back in time.
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "integration/diff_fixture.hpp"

namespace dynamirror::integration {
namespace {

using jobs::DiffVerdict;

constexpr int kKeys = 8'000;               // so many that some of them stay as they are
constexpr std::uint64_t kMostBehind = 60;  ///< changes the replication has not settled yet

/// The number in the attribute "v" of an item or of a request; 0 without one.
std::uint64_t version_of(std::string_view text) {
  constexpr std::string_view kVersion = R"("v":{"N":")";
  const auto at = text.find(kVersion);
  std::uint64_t version = 0;
  if (at == std::string_view::npos) return version;
  std::from_chars(text.data() + at + kVersion.size(), text.data() + text.size(), version);
  return version;
}

class DiffLiveTest : public DiffTest {
 protected:
  /// One conditional write as the repair sent it.
  struct Sent {
    SteadyTime at;
    std::string key;            ///< of a delete
    std::uint64_t version = 0;  ///< of a put
  };

  /// Both tables with the same items, and a stream without any of them.
  void begin() {
    add_tables();
    workload_.put_all();
    for (const auto& [key, item] : source.snapshot(kSource)) target.put(kTarget, item);
    for (const std::string& shard : source.open_shards(kSource)) source.trim_shard(kSource, shard, 0);
  }

  /// Runs `body` while the primary is written to and the replication follows; returns when the replica has caught up.
  void live(const std::function<void()>& body) {
    std::thread replicating([this] { replicate(); });
    std::thread writing([this] { write(); });
    body();
    stop_writing_ = true;
    writing.join();
    stop_replicating_ = true;
    replicating.join();
  }

  Workload workload_{source, {.keys = kKeys}};

 private:
  void write() {
    std::unique_lock lock(mutex_);
    while (!stop_writing_) {
      workload_.change(1);
      written_ = records();  // a delete of what is not there is no change
      settled_changed_.wait(lock, [this] { return written_ - settled_ < kMostBehind || failed_; });
      if (failed_) return;
    }
  }

  void replicate() {
    ReplicationRun run = make_run();
    run.options.job.stop_when_caught_up = false;
    const auto ended = run.run([this](ReplicationRun::Live& live) {
      const std::scoped_lock lock(mutex_);
      settled_ = live.status().counters.settled();
      settled_changed_.notify_all();
      if (stop_replicating_ && settled_ == written_) live.request_stop();
    });
    const std::scoped_lock lock(mutex_);
    failed_ = !ended.ok();
    settled_changed_.notify_all();
    EXPECT_TRUE(ended.ok()) << ended.text();
  }

  std::mutex mutex_;
  std::condition_variable settled_changed_;
  std::uint64_t written_ = 0;
  std::uint64_t settled_ = 0;
  bool failed_ = false;
  std::atomic<bool> stop_writing_{false};
  std::atomic<bool> stop_replicating_{false};
};

TEST_F(DiffLiveTest, ReportsNothingOfAReplicaThatFollows) {
  begin();
  std::uint64_t suspects = 0;
  live([&] {
    for (int i = 0; i < 4; ++i) {
      DiffRun diff = make_diff();
      diff.options.settle = std::chrono::milliseconds(700);
      EXPECT_EQ(*diff.run(), DiffVerdict::kEqual);
      EXPECT_EQ(diff.totals.discrepancies(), 0u);
      suspects += diff.totals.suspects;
    }
  });
  EXPECT_GT(suspects, 0u) << "the tables were still: nothing was tested";
  EXPECT_EQ(differences(), "");
  expect_no_complaints();
}

TEST_F(DiffLiveTest, RepairsWhatLastsAndNeverGoesBackInTime) {
  begin();
  // What no replication will mend by itself, in equal shares; some of these keys live, too.
  int number = 0;
  for (const auto& [key, item] : source.snapshot(kSource)) {
    if (++number % 6 == 0) target.remove(kTarget, key);
    if (number % 6 == 1) target.put(kTarget, key.substr(0, key.size() - 1) + R"(,"stale":{"BOOL":true}})");
    if (number % 6 == 2) target.put(kTarget, item_of("extraneous " + std::to_string(number), "x"));
  }

  std::vector<Sent> sent;
  DiffRun diff = make_diff();
  diff.options.mode = jobs::DiffOptions::Mode::kRepair;
  diff.options.settle = std::chrono::milliseconds(700);
  diff.hook = [&](std::string_view operation, const std::string& body) {
    if (operation == "PutItem") sent.push_back({system_clock().steady_now(), {}, version_of(body)});
    if (operation != "DeleteItem") return;
    const auto begin = body.find(R"("Key":)") + 6;
    const std::string key = body.substr(begin, body.find(R"(,"ConditionExpression")") - begin);
    sent.push_back({system_clock().steady_now(), target.canonical_key(kTarget, key)});
  };
  live([&] { EXPECT_EQ(*diff.run(), DiffVerdict::kEqual); });
  EXPECT_GT(diff.totals.put, 100u);
  EXPECT_GT(diff.totals.deleted, 100u);
  EXPECT_EQ(diff.totals.unrepaired, 0u);
  EXPECT_EQ(differences(), "");
  expect_no_complaints();

  const auto writes = target.writes(kTarget);
  std::size_t proved = 0;
  for (const Sent& ours : sent) {
    const auto is_ours = [&](const support::AppliedWrite& write) {
      if (write.at < ours.at) return false;
      return ours.version == 0 ? !write.item && write.key == ours.key
                               : write.item && version_of(write.item->text) == ours.version;
    };
    const auto written = std::find_if(writes.begin(), writes.end(), is_ours);
    if (written == writes.end()) continue;  // its condition did not hold
    const auto history = target.writes_of(kTarget, written->key);
    std::uint64_t before = 0;  // the version that our write replaced
    for (const auto& earlier : history) {
      if (earlier.number >= written->number) break;
      before = earlier.item ? version_of(earlier.item->text) : 0;
    }
    ++proved;
    if (ours.version != 0) {
      EXPECT_LE(before, ours.version) << written->key;
      continue;
    }
    if (before == 0) continue;  // not of the primary: stale or extraneous
    bool passed = false;
    bool deleted_after = false;
    for (const auto& write : source.writes_of(kSource, written->key)) {
      passed = passed || (write.item && version_of(write.item->text) == before);
      deleted_after = deleted_after || (passed && !write.item);
    }
    EXPECT_TRUE(deleted_after) << "a live item was deleted: " << written->key;
  }
  EXPECT_GT(proved, 300u);
}

TEST_F(DiffLiveTest, BackfillsATableThatLives) {
  begin();
  for (const auto& [key, item] : source.snapshot(kSource)) target.remove(kTarget, key);
  DiffRun diff = make_diff();
  diff.options.mode = jobs::DiffOptions::Mode::kRepair;
  diff.options.backfill = true;
  live([&] { EXPECT_EQ(*diff.run(), DiffVerdict::kEqual); });
  EXPECT_EQ(diff.totals.replica_items, 0u);
  EXPECT_EQ(differences(), "");
  expect_no_complaints();
}

}  // namespace
}  // namespace dynamirror::integration
