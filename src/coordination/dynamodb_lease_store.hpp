// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "aws/dynamodb/client.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "coordination/fleet_version.hpp"
#include "coordination/lease_row.hpp"
#include "coordination/lease_store.hpp"
#include "coordination/lease_table.hpp"
#include "json/reader.hpp"

namespace dynamirror::coordination {

/// Leases in a DynamoDB table of KCL's form, which KCL's workers may use at the same time. What the service throttles
/// is tried again with growing pauses. Not thread-safe: one event loop; calls may overlap.
class DynamoDbLeaseStore final : public LeaseStore {
 public:
  using Options = LeaseTable::Options;
  using PrepareOptions = LeaseTable::PrepareOptions;
  using Prepared = LeaseTable::Prepared;

  /// REQUIRES: client, clock and random outlive the store.
  DynamoDbLeaseStore(aws::DynamoDbClient& client, Options options, const Clock& clock, Random& random)
      : client_(client), table_(client, std::move(options), clock, random) {}

  /// Finds or makes (paid per request) the table and waits until it can be used; before any other call.
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

  [[nodiscard]] std::string describe() const override { return table_.describe(); }
  /// A write whose condition did not hold counts as one unit: the service does not say, but charges.
  [[nodiscard]] Statistics statistics() const override { return table_.statistics(); }

 private:
  [[nodiscard]] async::Task<Result<FleetVersion>> version_in(TableName table, std::string key_json);

  aws::DynamoDbClient& client_;
  LeaseTable table_;
  json::Reader reader_;  ///< rows are read without suspension, so one serves all calls
};

}  // namespace dynamirror::coordination
