// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "async/retry.hpp"
#include "aws/dynamodb/client.hpp"
#include "base/clock.hpp"
#include "base/function_ref.hpp"
#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "coordination/lease_row.hpp"
#include "coordination/lease_store.hpp"

namespace dynamirror::coordination {

/// The requests to a lease table in DynamoDB, whatever its rows look like: what the service throttles is tried again
/// with growing pauses, what may have landed is not. Not thread-safe: one event loop; calls may overlap.
class LeaseTable {
 public:
  struct Options {
    TableName table;
    std::chrono::milliseconds give_up_after{10'000};  ///< of one page, row or write that is throttled or not answered
    async::Backoff::Options backoff{.base = std::chrono::milliseconds(50), .cap = std::chrono::milliseconds(2'000)};
  };
  struct PrepareOptions {
    bool create = false;  ///< make the table when there is none
    aws::WaitOptions wait{};
  };
  enum class Prepared { kFound, kCreated };

  /// REQUIRES: client, clock and random outlive the table.
  LeaseTable(aws::DynamoDbClient& client, Options options, const Clock& clock, Random& random)
      : client_(client), options_(std::move(options)), clock_(clock), random_(random) {}

  /// Finds or makes the table and waits until it can be used. `spec`: its form; the name is this table's.
  /// `other_kind`: what a table of another key may be, in words; empty: none that we know.
  /// Errors: class not found when there is none and none may be made; class invalid for a table of another key.
  [[nodiscard]] async::Task<Result<Prepared>> prepare(PrepareOptions options, aws::CreateTableSpec spec,
                                                      std::string_view (*other_kind)(const model::KeySchema&));

  /// Hands out every row of a share, in wire form. `take` is borrowed until the task ends.
  [[nodiscard]] async::Task<Status> scan(LeaseShare share, FunctionRef<void(std::string_view)> take);
  /// One row of any table as it is now; nothing when it is not there.
  [[nodiscard]] async::Task<Result<std::optional<std::string>>> get(TableName table, std::string key_json);
  /// One conditional write: of the lease `key`, for messages.
  [[nodiscard]] async::Task<Result<LeaseStore::Outcome>> write(LeaseRequest request, std::string key,
                                                               SteadyTime not_after);

  [[nodiscard]] const TableName& name() const { return options_.table; }
  [[nodiscard]] std::string describe() const { return client_.resource(options_.table); }
  [[nodiscard]] const LeaseStore::Statistics& statistics() const { return statistics_; }

 private:
  [[nodiscard]] async::Retry retry(SteadyTime end) const;
  [[nodiscard]] async::Task<Result<aws::ScanPage>> read_page(aws::ScanOptions options);
  [[nodiscard]] async::Task<Result<aws::WriteAnswer>> send(const LeaseRequest& request, SteadyTime not_after);

  aws::DynamoDbClient& client_;
  const Options options_;
  const Clock& clock_;
  Random& random_;
  LeaseStore::Statistics statistics_;
};

}  // namespace dynamirror::coordination
