// SPDX-License-Identifier: Apache-2.0
//
// Goal: a backup that is asked to stop removes what it has uploaded, whatever it waits for at that moment, and a
// backfill leaves no object behind that is older than its item.
// Method: a read budget that allows one page and then none for a minute; a stop at the moment of a write.
#include <algorithm>

#include "integration/copy_fixture.hpp"
#include "jobs/dump/backup_table.hpp"
#include "jobs/item_backup/incremental_backfill.hpp"
#include "support/memory_objects.hpp"
#include "tables/stoppable_scan.hpp"

namespace dynamirror::integration {
namespace {

constexpr std::chrono::seconds kPatience{5};  // what a stop may take at most

class BackupStop : public CopyTest {
 protected:
  void SetUp() override {
    add_copy_tables();
    for (int i = 0; i < 200; ++i) put(std::to_string(i), std::string(100, 'v'));
  }

  /// Why it ended; nothing when it had not ended in time.
  std::optional<Reason> stop_while_waiting() {
    CopyProcess process(process_options());
    jobs::BackupOptions options{.job_id = "job",
                                .compression = jobs::Compression::kNone,
                                .scan = {.table = TableName(kSource), .split = 1, .max_read_units = 0.01}};
    const auto scan = std::make_shared<source::TableScan>(options.scan, process.source().dynamodb(), system_clock(),
                                                          process.random(), process.executor());
    process.job = scan;
    std::optional<Reason> ended;
    std::optional<SteadyTime> asked;
    const auto watcher = [&](CopyProcess& running) {
      if (scan->statistics().pages > 0 && !asked) {
        asked = system_clock().steady_now();
        running.stop().request();
      }
      return asked && system_clock().steady_now() - *asked > kPatience;
    };
    process.execute(back_up(process, std::move(options), *scan, ended), watcher);
    return ended;
  }

  /// How many objects were written before a stop that comes with the first of them.
  std::size_t backfill_until_first_write() {
    CopyProcess process(process_options());
    const auto scan = std::make_shared<source::TableScan>(source::TableScan::Options{.table = TableName(kSource)},
                                                          process.source().dynamodb(), system_clock(), process.random(),
                                                          process.executor());
    process.job = scan;
    store.after_put = [&]() -> async::Task<> {
      process.stop().request();
      return async::sleep_for(std::chrono::milliseconds(20));
    };
    jobs::IncrementalBackfill job({}, process.source(), key(), store, process.stop(), process.executor());
    process.execute(backfill(process, *scan, job), {});
    return store.versions.size();
  }

  support::MemoryObjects store;

 private:
  static async::Task<> backfill(CopyProcess& process, source::TableScan& scan, jobs::IncrementalBackfill& job) {
    const Status ended = co_await jobs::scan_until_stopped(scan, job, process.stop(), "backfill", "memory:");
    EXPECT_FALSE(ended);
  }

  async::Task<> back_up(CopyProcess& process, jobs::BackupOptions options, source::TableScan& scan,
                        std::optional<Reason>& ended) {
    auto result = co_await jobs::backup_table(process.source(), store, std::move(options), pool_, scan, process.stop(),
                                              system_clock());
    if (!result) ended = result.error().reason;
  }

  async::CpuPool pool_{1};
};

TEST_F(BackupStop, AWaitForTheReadBudgetIsCutShortAndTheUploadRemoved) {
  EXPECT_EQ(stop_while_waiting(), Reason::kStopped);
  EXPECT_EQ(store.uploads_under_way, 0);
  EXPECT_TRUE(store.versions.empty());
}

TEST_F(BackupStop, AnOlderDumpOfTheNameStaysWhole) {
  store.write("job/0", "older");
  store.write("job.manifest.json", "{}");
  EXPECT_EQ(stop_while_waiting(), Reason::kStopped);
  EXPECT_EQ(store.newest("job/0"), "older");
  EXPECT_TRUE(store.newest("job.manifest.json"));
}

TEST_F(BackupStop, EveryObjectThatABackfillHasWrittenGetsItsSecondLook) {
  const std::size_t written = backfill_until_first_write();
  EXPECT_GE(written, 1u);
  EXPECT_LT(written, 200u);
  EXPECT_EQ(source.statistics().requests["GetItem"], written);
}

}  // namespace
}  // namespace dynamirror::integration
