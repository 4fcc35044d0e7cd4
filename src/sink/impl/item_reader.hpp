// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.hpp"
#include "aws/dynamodb/client.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "model/key.hpp"

namespace dynamirror::sink {

/// Reads items of one table by their keys: consistently, many at once, paced.
///
/// - What an answer leaves unprocessed, because the table is busy or the answer full (16 MB), is asked for again.
/// - A batch refused for one of its keys is halved until that key stands alone.
/// - `max_read_units` bounds the consumed read units: over any time t they stay below rate · t + rate · 1 s, but for an
///   item that costs more than that by itself.
/// Not thread-safe: lives on one event loop; several `read`s may be under way at once.
class ItemReader {
 public:
  struct Options {
    TableName table;
    model::KeySchema key;
    std::optional<double> max_read_units{};  ///< per second; nothing: unlimited
  };
  struct Statistics {
    std::uint64_t requests = 0;
    double consumed_units = 0;      ///< read units, as answered
    std::uint64_t unprocessed = 0;  ///< keys left for later by the service
    std::uint64_t throttled = 0;    ///< whole requests throttled
  };

  /// REQUIRES: client, clock and random outlive the reader; max_read_units > 0.
  ItemReader(Options options, aws::DynamoDbClient& client, const Clock& clock, Random& random);
  ~ItemReader();

  /// The item as the service sent it, or that there is none; or why it could not be read: a retryable error to try
  /// again later, class invalid for a key that the table does not take.
  using Item = Result<std::optional<std::string>>;
  /// One for each key. No request is sent after `not_after`. An error as a whole means that no further read can succeed
  /// (table gone, access denied). REQUIRES: canonical keys, each once; they outlive the task.
  [[nodiscard]] async::Task<Result<std::vector<Item>>> read(std::vector<std::string_view> keys, SteadyTime not_after);

  /// How many keys to ask for at once, so that what is read stays within a few MB and within a tenth of a second's
  /// units, as far as the items seen so far tell.
  [[nodiscard]] std::size_t keys_at_once() const;

  [[nodiscard]] const Statistics& statistics() const;
  [[nodiscard]] std::string describe() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::sink
