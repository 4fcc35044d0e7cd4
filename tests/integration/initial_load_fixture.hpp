// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "integration/copy_fixture.hpp"
#include "jobs/replication/initial_load.hpp"
#include "source/table_stream.hpp"
#include "support/shifted_clock.hpp"

namespace dynamirror::integration {

struct LoadRunOptions {
  bool with_spool = false;
  std::string spool_name = "file";  ///< below the folder of spools
};

/// `replicate --initial-load` on two scripted servers, killed and run again at will.
class InitialLoadTest : public CopyTest {
 protected:
  /// What a run is made of; it lives as long as its process.
  struct Job {
    std::unique_ptr<state::LocalStore> spool{};
    std::string spool_name{};
    std::optional<source::TableStream> stream{};
    std::optional<jobs::InitialLoad> load{};
    std::optional<jobs::Replication> replication{};

    [[nodiscard]] std::string phase() const { return load ? load->status().phase : ""; }
    [[nodiscard]] std::uint64_t loaded() const { return load ? load->status().copy.counters.applied : 0; }
  };

  struct LoadEnded {
    bool killed = false;
    std::optional<jobs::JobFailure> failure{};
    std::string phase{};
    std::uint64_t spooled = 0;
    std::uint64_t drained = 0;

    [[nodiscard]] std::string text() const {
      return (killed ? "killed in phase " : "ended in phase ") + phase +
             (failure ? ": " + to_line(failure->error) : "");
    }
  };

  [[nodiscard]] std::filesystem::path spool_file(const std::string& name) const {
    return folder.path() / "spool" / name;
  }

  /// The recorded positions. REQUIRES: no run is under way.
  [[nodiscard]] std::vector<model::ShardCheckpoint> recorded() const {
    auto store = state::LocalStore::open(process_options().folder / "state",
                                         {source.address_of(kSource), target.address_of(kTarget)});
    assert(store);
    auto rows = (*store)->load(StreamArn(source.stream_arn(kSource)));
    assert(rows);
    return std::move(*rows);
  }

  Duration wall_shift{};  ///< of the load's calendar time, and of the replication's, against the machine's

  using JobWatcher = std::function<bool(Job&, CopyProcess&)>;

  LoadEnded run(LoadRunOptions options = {}, const JobWatcher& watcher = {}) {
    CopyProcess process(process_options());
    process.make_sink(TableName(kTarget), key());
    auto job = std::make_shared<Job>();
    process.job = job;
    if (options.with_spool) {
      auto opened = state::LocalStore::open(spool_file(options.spool_name),
                                            {source.address_of(kSource), target.address_of(kTarget)});
      assert(opened);
      job->spool = std::move(*opened);
      job->spool_name = spool_file(options.spool_name).string();
    }
    LoadEnded ended;
    ended.killed = !process.execute(go(process, *job, key(), clock_, ended),
                                    [&](CopyProcess& looked_at) { return watcher && watcher(*job, looked_at); });
    if (job->load) {
      ended.phase = job->load->status().phase;
      ended.spooled = job->load->status().spooled;
      ended.drained = job->load->status().drained;
    }
    return ended;
  }

 private:
  support::ShiftedClock clock_{wall_shift};

  static async::Task<> go(CopyProcess& process, Job& job, model::KeySchema key, const Clock& clock, LoadEnded& ended) {
    auto description = co_await process.source().dynamodb().describe_table(TableName(kSource));
    assert(description);
    job.stream.emplace(source::TableStream{process.source().streams(), *description->stream.latest_arn, key});
    std::optional<jobs::SpoolParts> spool;
    if (job.spool) spool.emplace(jobs::SpoolParts{*job.spool, *job.spool, job.spool_name});
    const jobs::InitialLoadParts parts{.stream = *job.stream,
                                       .source = process.source().dynamodb(),
                                       .sink = process.sink(),
                                       .dead_letters = &process.letters(),
                                       .positions = process.store(),
                                       .scans = process.store(),
                                       .spool = spool,
                                       .stop = process.stop(),
                                       .clock = clock,
                                       .random = process.random()};
    jobs::InitialLoadOptions options;
    options.copy = brisk();
    options.copy.scan.consistent = true;
    options.copy.pipeline.writing.max_concurrent_writes = 4;
    options.spooling = support::ReplicationRun::brisk();
    job.load.emplace(parts, std::move(options), process.executor());
    auto loaded = co_await job.load->run();
    if (!loaded) {
      ended.failure = std::move(loaded.error());
      co_return;
    }
    const jobs::ReplicateParts replicate_parts{*job.stream,    process.sink(), &process.letters(), &process.store(),
                                               process.stop(), clock,          process.random()};
    job.replication.emplace(replicate_parts, support::ReplicationRun::brisk(), process.executor());
    auto replicated = co_await job.replication->run();
    if (!replicated) ended.failure = std::move(replicated.error());
  }
};

}  // namespace dynamirror::integration
