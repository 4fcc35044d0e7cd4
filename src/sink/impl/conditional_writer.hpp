// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "async/task.hpp"
#include "aws/dynamodb/client.hpp"
#include "aws/dynamodb/item_condition.hpp"
#include "base/clock.hpp"
#include "base/strong_id.hpp"
#include "model/change.hpp"
#include "sink/change_sink.hpp"
#include "sink/impl/write_budget.hpp"

namespace dynamirror::sink {

/// What UpdateItem is to do; the maps are JSON objects.
struct ItemUpdate {
  std::string expression;
  std::string names_json;
  std::string values_json;
};

/// Puts, updates and deletes single items of one table, each on a condition, within a budget of write units.
/// Not thread-safe: lives on one event loop; several `write`s may be under way at once.
class ConditionalWriter {
 public:
  struct Statistics {
    std::uint64_t written = 0;
    std::uint64_t refused = 0;  ///< the condition did not hold
    double consumed_units = 0;
  };

  /// REQUIRES: client and clock outlive the writer.
  ConditionalWriter(TableName table, std::optional<double> max_write_units, aws::DynamoDbClient& client,
                    const Clock& clock);

  /// Whether the condition held. `item`: the wire form to put for the change's key; empty: the key is deleted.
  /// Errors: as the client has them; a transient one leaves open whether it was written.
  [[nodiscard]] async::Task<Result<bool>> write(const model::Change& change, std::string item,
                                                aws::ItemCondition condition, SteadyTime not_after);

  /// The same for an update of what the key has; `change` says by its key and image which, and what it costs.
  /// REQUIRES: the names and values of update and condition have different placeholders.
  [[nodiscard]] async::Task<Result<bool>> update(const model::Change& change, ItemUpdate update,
                                                 aws::ItemCondition condition, SteadyTime not_after);

  [[nodiscard]] const Statistics& statistics() const { return statistics_; }

 private:
  using Reservation = std::optional<WriteBudget::Reservation>;
  [[nodiscard]] async::Task<Reservation> reserve(const model::Change& cost);
  [[nodiscard]] Result<bool> settle(Result<aws::WriteAnswer> answer, const model::Change& cost, Reservation& reserved);

  TableName table_;
  aws::DynamoDbClient& client_;
  std::optional<WriteBudget> budget_;
  Statistics statistics_;
};

/// What an error in the way of one change means for it: try again, rejected; or, as an error, the end of the job.
[[nodiscard]] Result<Outcome> as_outcome(Error error);

}  // namespace dynamirror::sink
