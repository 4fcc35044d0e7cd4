// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aws/cloudwatch/client.hpp"
#include "aws/credentials/make_credentials.hpp"
#include "aws/environment.hpp"
#include "aws/surroundings.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "coordination/lease_worker.hpp"
#include "http/transport.hpp"
#include "jobs/replication/replicate.hpp"

namespace dynamirror::metrics {

/// What a worker has done until now.
struct LeaseReading {
  jobs::ReplicateStatus status{};
  coordination::LeaseWorker::Statistics leases{};
  std::uint64_t stream_bytes = 0;  ///< that the stream has answered
};

// What a worker has done between two readings, as KCL and awslabs' cross-region library name it. Pure.
// KCL's metrics have the dimension Operation alone, as those of awslabs' tool: WorkerIdentifier is off by default in
// KCL 1.x, and a worker id that is new with every start would be a new (charged) metric each time; ShardId would be one
// for every shard, of which a stream has new ones every four hours.

/// Of KCL, and the lag.
[[nodiscard]] std::vector<aws::MetricDatum> kcl_metrics(const LeaseReading& before, const LeaseReading& now,
                                                        WallTime time);
/// Of awslabs' tool.
[[nodiscard]] std::vector<aws::MetricDatum> cross_region_metrics(const LeaseReading& before, const LeaseReading& now,
                                                                 WallTime time);

/// Sends the metrics of one worker to CloudWatch, every minute and at the end. Never fails the job: trouble is a
/// warning, at most every ten minutes. Values that CloudWatch has refused are in the next request again; those of which
/// it is not known whether they arrived are not. Not thread-safe: lives on one event loop.
class LeaseMetrics {
 public:
  struct Options {
    std::string name_space;    ///< the lease table's name
    std::string lease_region;  ///< where KCL's metrics go
    aws::SideOptions side{};   ///< as which identity
    bool local = false;        ///< the tables are on servers of their own, not AWS's: CloudWatch needs one, too
    std::chrono::milliseconds interval{60'000};
  };
  /// REQUIRES: `read` stays callable.
  LeaseMetrics(Options options, aws::Surroundings surroundings, std::function<LeaseReading()> read);
  ~LeaseMetrics();
  LeaseMetrics(const LeaseMetrics&) = delete;
  LeaseMetrics& operator=(const LeaseMetrics&) = delete;

  /// Sends until cancelled.
  [[nodiscard]] async::Task<> run();
  /// Sends what is left, after the end of `run`; takes a second at most.
  [[nodiscard]] async::Task<> finish();

 private:
  struct Destination;
  [[nodiscard]] Status prepare();
  [[nodiscard]] Result<std::unique_ptr<Destination>> open(const std::string& region) const;
  [[nodiscard]] async::Task<> send(SteadyTime not_after);
  void warn(const Error& error);

  Options options_;
  aws::Surroundings surroundings_;
  std::function<LeaseReading()> read_;
  std::vector<std::unique_ptr<Destination>> destinations_;  ///< empty: nothing is sent
  std::optional<SteadyTime> warned_at_;
};

}  // namespace dynamirror::metrics
