// SPDX-License-Identifier: Apache-2.0
#include "sink/impl/conditional_writer.hpp"

#include <utility>

namespace dynamirror::sink {

ConditionalWriter::ConditionalWriter(TableName table, std::optional<double> max_write_units,
                                     aws::DynamoDbClient& client, const Clock& clock)
    : table_(std::move(table)), client_(client) {
  if (max_write_units) budget_.emplace(*max_write_units, clock);
}

async::Task<Result<bool>> ConditionalWriter::write(const model::Change& change, std::string item,
                                                   aws::ItemCondition condition, SteadyTime not_after) {
  const model::Change cost(change.key(), item, change.sequence(), change.created());
  const model::Change* const costs[] = {&cost};
  std::optional<WriteBudget::Reservation> reservation;
  if (budget_) reservation.emplace(co_await budget_->reserve(costs));
  const aws::WriteOptions how{.condition_expression = condition.expression,
                              .expression_names_json = condition.names_json,
                              .expression_values_json = condition.values_json,
                              .not_after = not_after};
  Result<aws::WriteAnswer> answer;
  if (item.empty()) {
    answer = co_await client_.delete_item(table_, change.key(), how);
  } else {
    answer = co_await client_.put_item(table_, item, how);
  }
  if (answer) {
    ++statistics_.written;
    statistics_.consumed_units += answer->consumed_units;
    const bool told = answer->consumed_units > 0;  // some services that speak this API never say
    if (reservation) reservation->settle(costs, told ? answer->consumed_units : reservation->units());
    co_return true;
  }
  if (answer.error().error_class == ErrorClass::kConflict) {  // which costs as much as a write
    ++statistics_.refused;
    co_return false;
  }
  if (reservation && answer.error().not_applied) reservation->settle({}, 0);
  co_return std::unexpected(std::move(answer.error()));
}

Result<Outcome> as_outcome(Error error) {
  if (error.retryable()) return TryAgain{std::move(error)};
  if (error.error_class == ErrorClass::kInvalid) return Rejected{std::move(error)};
  return std::unexpected(std::move(error));
}

}  // namespace dynamirror::sink
