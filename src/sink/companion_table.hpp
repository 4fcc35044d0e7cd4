// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "aws/dynamodb/client.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "model/key.hpp"
#include "multimaster/key_work.hpp"
#include "sink/impl/conditional_writer.hpp"
#include "sink/impl/item_reader.hpp"

namespace dynamirror::sink {

/// The table beside one that is written on several sides: a row for the tombstone of each deleted key, and one for each
/// conflict of a key. Its key is `key` (the item's, as canonical JSON) and `what` ("tombstone", or "conflict", the
/// loser's version and the winner's, with '#' between). Rows end by themselves, by the time to live `expires`.
/// docs/multi-master.md documents the attributes. Not thread-safe: lives on one event loop.
class CompanionTable {
 public:
  static constexpr std::string_view kTombstone = "tombstone";
  static constexpr std::string_view kConflict = "conflict";
  static constexpr std::string_view kExpires = "expires";
  [[nodiscard]] static model::KeySchema schema();
  /// "TABLE_repl".
  [[nodiscard]] static TableName name_for(const TableName& table) { return TableName(table.str() + "_repl"); }

  struct Options {
    TableName table;
    std::chrono::hours kept{7 * 24};  ///< of every row, from its last write on
  };

  /// REQUIRES: client, clock and random outlive the table.
  CompanionTable(Options options, aws::DynamoDbClient& client, const Clock& clock, Random& random);

  /// The tombstone of a key, consistently. Errors: as the client has them.
  [[nodiscard]] async::Task<Result<std::optional<multimaster::Tombstone>>> tombstone(std::string key_json,
                                                                                     SteadyTime not_after);
  /// Whether all of it was written: see multimaster::Burial.
  [[nodiscard]] async::Task<Result<bool>> bury(std::string key_json, multimaster::Burial burial, SteadyTime not_after);

  /// Notes a conflict, or takes the note back. Both may be done twice.
  [[nodiscard]] async::Task<Status> note(std::string key_json, multimaster::Conflict conflict, SteadyTime not_after);
  [[nodiscard]] async::Task<Status> take_back(std::string key_json, multimaster::Conflict conflict,
                                              SteadyTime not_after);

  [[nodiscard]] double read_units() const { return reader_.statistics().consumed_units; }
  [[nodiscard]] double write_units() const { return writer_.statistics().consumed_units; }

 private:
  [[nodiscard]] std::string expiry() const;

  Options options_;
  const Clock& clock_;
  ItemReader reader_;
  ConditionalWriter writer_;
};

}  // namespace dynamirror::sink
