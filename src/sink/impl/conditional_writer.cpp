// SPDX-License-Identifier: Apache-2.0
#include "sink/impl/conditional_writer.hpp"

#include <utility>

namespace dynamirror::sink {
namespace {

/// One JSON object of the members of both.
std::string joined(const std::string& left, const std::string& right) {
  if (left.size() <= 2) return right;
  if (right.size() <= 2) return left;
  return left.substr(0, left.size() - 1) + "," + right.substr(1);
}

}  // namespace

ConditionalWriter::ConditionalWriter(TableName table, std::optional<double> max_write_units,
                                     aws::DynamoDbClient& client, const Clock& clock)
    : table_(std::move(table)), client_(client) {
  if (max_write_units) budget_.emplace(*max_write_units, clock);
}

async::Task<ConditionalWriter::Reservation> ConditionalWriter::reserve(const model::Change& cost) {
  const model::Change* const costs[] = {&cost};
  Reservation reservation;
  if (budget_) reservation.emplace(co_await budget_->reserve(costs));
  co_return reservation;
}

Result<bool> ConditionalWriter::settle(Result<aws::WriteAnswer> answer, const model::Change& cost,
                                       Reservation& reserved) {
  const model::Change* const costs[] = {&cost};
  if (answer) {
    ++statistics_.written;
    statistics_.consumed_units += answer->consumed_units;
    const bool told = answer->consumed_units > 0;  // some services that speak this API never say
    if (reserved) reserved->settle(costs, told ? answer->consumed_units : reserved->units());
    return true;
  }
  if (answer.error().error_class == ErrorClass::kConflict) {  // which costs as much as a write
    ++statistics_.refused;
    return false;
  }
  if (reserved && answer.error().not_applied) reserved->settle({}, 0);
  return std::unexpected(std::move(answer.error()));
}

async::Task<Result<bool>> ConditionalWriter::write(const model::Change& change, std::string item,
                                                   aws::ItemCondition condition, SteadyTime not_after) {
  const model::Change cost(change.key(), item, change.sequence(), change.created());
  Reservation reserved = co_await reserve(cost);
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
  co_return settle(std::move(answer), cost, reserved);
}

async::Task<Result<bool>> ConditionalWriter::update(const model::Change& change, ItemUpdate update,
                                                    aws::ItemCondition condition, SteadyTime not_after) {
  Reservation reserved = co_await reserve(change);
  const std::string names = joined(update.names_json, condition.names_json);
  const std::string values = joined(update.values_json, condition.values_json);
  const aws::WriteOptions how{.update_expression = update.expression,
                              .condition_expression = condition.expression,
                              .expression_names_json = names,
                              .expression_values_json = values,
                              .not_after = not_after};
  Result<aws::WriteAnswer> answer = co_await client_.update_item(table_, change.key(), how);
  co_return settle(std::move(answer), change, reserved);
}

Result<Outcome> as_outcome(Error error) {
  if (error.retryable()) return TryAgain{std::move(error)};
  if (error.error_class == ErrorClass::kInvalid) return Rejected{std::move(error)};
  return std::unexpected(std::move(error));
}

}  // namespace dynamirror::sink
