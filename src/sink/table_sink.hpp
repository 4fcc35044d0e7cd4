// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aws/dynamodb/client.hpp"
#include "base/clock.hpp"
#include "base/strong_id.hpp"
#include "model/key.hpp"
#include "sink/change_sink.hpp"

namespace dynamirror::sink {

/// Writes changes to a DynamoDB table.
///
/// - Up to 25 changes go in one BatchWriteItem, a single one in a PutItem or DeleteItem.
/// - What the service leaves unprocessed, throttles, or answers with trouble on the way: try again.
/// - A batch refused for something in it (an item too large, a key of the wrong type …) is halved until the change that
/// is
///   to blame stands alone; that one is rejected with the service's words, all others are written.
/// - Target gone, access denied, credentials that cannot be renewed: the write fails as a whole.
/// - `max_write_units` bounds the consumed write units: over any time t they stay below rate · t + rate · 1 s, however
/// many
///   writes are under way. Batches are cut to a tenth of a second's budget or one change, whichever is more.
///   An item above a second's budget passes when the budget is full, and is paid off afterwards.
class TableSink final : public ChangeSink {
 public:
  struct Options {
    TableName table;
    model::KeySchema key;
    std::optional<double> max_write_units{};  ///< per second, indexes included; nothing: unlimited
  };

  struct Statistics {
    std::uint64_t requests = 0;     ///< calls to the client (its own retries not counted)
    double consumed_units = 0;      ///< write units, as answered
    std::uint64_t splits = 0;       ///< batches halved to find what they were refused for
    std::uint64_t unprocessed = 0;  ///< changes given back by the service
    std::uint64_t throttled = 0;    ///< whole requests throttled
    Duration waited_for_budget{};   ///< summed over all writes
  };

  /// REQUIRES: client and clock outlive the sink; max_write_units > 0.
  TableSink(Options options, aws::DynamoDbClient& client, const Clock& clock);
  ~TableSink() override;

  [[nodiscard]] Limits limits() const override;
  [[nodiscard]] async::Task<Result<std::vector<Outcome>>> write(std::span<const model::Change* const> changes,
                                                                SteadyTime not_after) override;
  [[nodiscard]] std::string describe() const override;

  [[nodiscard]] const Statistics& statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::sink
