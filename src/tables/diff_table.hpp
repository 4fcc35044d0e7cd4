// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "async/rate_limiter.hpp"
#include "async/task.hpp"
#include "aws/dynamodb/client.hpp"
#include "aws/dynamodb/item_condition.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "model/key.hpp"

namespace dynamirror::jobs {

/// An item that a table has answered cannot be read: names it by its key. It is an error of aws::unreadable_answer.
[[nodiscard]] std::unexpected<Error> unreadable_item(Error complaint, std::string_view key_json);

/// One table of a comparison, item by item: paced, counted, and patient with throttling.
///
/// Errors: as aws::DynamoDbClient has them; retryable ones after some ten attempts. Not thread-safe: lives on one event
/// loop; calls may overlap.
class DiffTable {
 public:
  struct Options {
    TableName table;
    std::optional<double> max_read_units{};   ///< consumed a second
    std::optional<double> max_write_units{};  ///< likewise
  };

  /// REQUIRES: what is referred to outlives the table.
  DiffTable(Options options, aws::DynamoDbClient& client, const Clock& clock, Random& random);

  /// The item of a key by a consistent read; nothing when there is none.
  [[nodiscard]] async::Task<Result<std::optional<std::string>>> get(std::string key_json);

  /// Errors: class conflict when the condition does not hold; a transient one leaves open whether it was written.
  [[nodiscard]] async::Task<Status> put(std::string item_json, aws::ItemCondition condition);
  [[nodiscard]] async::Task<Status> remove(std::string key_json, aws::ItemCondition condition);

  struct Statistics {
    double read_units = 0;
    double write_units = 0;
    std::uint64_t throttled = 0;
  };
  [[nodiscard]] const Statistics& statistics() const { return statistics_; }
  [[nodiscard]] std::string resource() const { return client_.resource(options_.table); }

 private:
  using Budget = std::optional<async::RateLimiter>;
  enum class Write { kPut, kRemove };

  [[nodiscard]] async::Task<> reserve(Budget& budget, double units);
  [[nodiscard]] async::Task<Status> write(Write kind, std::string json, aws::ItemCondition condition);

  Options options_;
  aws::DynamoDbClient& client_;
  const Clock& clock_;
  Random& random_;
  Budget reads_;
  Budget writes_;
  Statistics statistics_;
};

}  // namespace dynamirror::jobs
