// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "model/key.hpp"
#include "multimaster/key_work.hpp"
#include "sink/conflict_row.hpp"
#include "tables/diff_table.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::jobs {

/// One of the tables that applications write on several sides, with its companion table, for an operator: what was
/// noted of a key, the item, and writes as an application would do them. Not thread-safe: lives on one event loop.
class SharedTable {
 public:
  /// Errors: class not found when the table is not there, or has no companion table beside it.
  /// REQUIRES: side, clock and random outlive the table.
  [[nodiscard]] static async::Task<Result<SharedTable>> open(TableSide& side, const Clock& clock, Random& random);

  [[nodiscard]] const model::KeySchema& key() const { return key_; }
  [[nodiscard]] const TableName& companion() const { return companion_; }
  [[nodiscard]] TableSide& side() { return *side_; }
  [[nodiscard]] std::string display() const { return side_->display(); }

  /// The conflicts of one key, oldest note first. `key_json` is canonical, here and below.
  [[nodiscard]] async::Task<Result<std::vector<sink::ConflictRow>>> conflicts(std::string key_json);
  [[nodiscard]] async::Task<Result<std::optional<multimaster::Tombstone>>> tombstone(std::string key_json);
  [[nodiscard]] async::Task<Result<std::optional<std::string>>> item(std::string key_json);

  /// Writes `content`, without our attributes, or deletes the item, if that is still `as_read`: as an application does,
  /// so that the replications give the write its version. Errors: class conflict when it was written since.
  struct Write {
    std::string key_json;
    std::optional<std::string> as_read{};
    std::optional<std::string> content{};
  };
  [[nodiscard]] async::Task<Status> write(Write write);

 private:
  SharedTable(TableSide& side, model::KeySchema key, const Clock& clock, Random& random);

  TableSide* side_;
  model::KeySchema key_;
  TableName companion_;
  const Clock* clock_;
  Random* random_;
  DiffTable items_;
};

/// Order of listings: by the time of the note, then by key.
void sort_by_time(std::vector<sink::ConflictRow>& rows);

}  // namespace dynamirror::jobs
