// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "async/retry.hpp"
#include "aws/dynamodb/client.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "coordination/fleet_version.hpp"
#include "coordination/lease_row.hpp"
#include "coordination/lease_store.hpp"
#include "json/reader.hpp"

namespace dynamirror::coordination {

/// Leases in a DynamoDB table of KCL's form, which KCL's workers may use at the same time. What the service throttles
/// is tried again with growing pauses. Not thread-safe: one event loop; calls may overlap.
class DynamoDbLeaseStore final : public LeaseStore {
 public:
  struct Options {
    TableName table;
    std::chrono::milliseconds give_up_after{10'000};  ///< of one page, row or write that is throttled or not answered
    async::Backoff::Options backoff{.base = std::chrono::milliseconds(50), .cap = std::chrono::milliseconds(2'000)};
  };

  /// REQUIRES: client, clock and random outlive the store.
  DynamoDbLeaseStore(aws::DynamoDbClient& client, Options options, const Clock& clock, Random& random)
      : client_(client), options_(std::move(options)), clock_(clock), random_(random) {}

  struct PrepareOptions {
    bool create = false;  ///< make the table (paid per request) when there is none
    aws::WaitOptions wait{};
  };
  enum class Prepared { kFound, kCreated };

  /// Finds or makes the table and waits until it can be used; before any other call.
  /// Errors: class not found when there is none and none may be made; class invalid for a table that cannot hold
  /// leases.
  [[nodiscard]] async::Task<Result<Prepared>> prepare(PrepareOptions options);

  /// How the other workers on this table share out its leases, by what KCL 3.x says of itself in the table
  /// `<name>-CoordinatorState` or, from 3.5 on, in this one. Where both speak, an assigning fleet is believed: taking
  /// leases from it would break it. It may change at any time.
  /// Errors: class invalid for a state that we do not know; class denied when that other table may not be read.
  [[nodiscard]] async::Task<Result<FleetVersion>> fleet_version();

  [[nodiscard]] async::Task<Result<LeaseRows>> scan(LeaseShare share) override;
  [[nodiscard]] async::Task<Result<std::optional<Lease>>> get(std::string key) override;
  [[nodiscard]] async::Task<Result<Outcome>> write(LeaseWrite write, SteadyTime not_after) override;

  [[nodiscard]] std::string describe() const override { return client_.resource(options_.table); }
  /// A write whose condition did not hold counts as one unit: the service does not say, but charges.
  [[nodiscard]] Statistics statistics() const override { return statistics_; }

 private:
  [[nodiscard]] async::Retry retry(SteadyTime end) const;
  [[nodiscard]] async::Task<Result<aws::TableDescription>> create(aws::WaitOptions wait);
  [[nodiscard]] async::Task<Result<aws::ScanPage>> read_page(aws::ScanOptions options);
  [[nodiscard]] async::Task<Result<std::optional<std::string>>> get(TableName table, std::string key_json);
  [[nodiscard]] async::Task<Result<aws::WriteAnswer>> send(const LeaseRequest& request, SteadyTime not_after);
  [[nodiscard]] async::Task<Result<FleetVersion>> version_in(TableName table, std::string key_json);

  aws::DynamoDbClient& client_;
  const Options options_;
  const Clock& clock_;
  Random& random_;
  json::Reader reader_;  ///< rows are read without suspension, so one serves all calls
  Statistics statistics_;
};

}  // namespace dynamirror::coordination
