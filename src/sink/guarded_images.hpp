// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "sink/both_tables.hpp"
#include "sink/change_sink.hpp"

namespace dynamirror::sink {

/// Writes to a table the changes of a feed that brings them twice and out of order, with the time of each (Kinesis Data
/// Streams for DynamoDB). Each item of the replica carries a guard, the attribute `_repl_seen`, which says how old its
/// content is; GuardedWrite decides by it, and docs/adr/0009 says why that is right.
///
/// - A modification costs one conditional write and no read. An insertion, a deletion, and a change whose time says too
///   little (two in a millisecond, one from the time of a read) cost a read of the replica's item and one of the
///   primary's, both consistent, and a conditional write.
/// - An older image, or one that is there already, is superseded by a rule of that name and costs a write that fails.
/// - REQUIRES of the pipeline before it: `by_creation`, so that of two waiting changes the newer one stays.
/// - Errors, budgets and `not_after` as for TableSink and PresentItems.
/// Not thread-safe: lives on one event loop; several `write`s may be under way at once.
class GuardedImages final : public ChangeSink {
 public:
  using Options = BothTablesOptions;
  using Parts = BothTablesParts;
  struct Statistics {
    std::uint64_t images = 0;      ///< put without a read
    std::uint64_t read = 0;        ///< changes for which the primary was read
    std::uint64_t conditions = 0;  ///< writes whose condition did not hold
    double write_units = 0;
    double read_units = 0;  ///< of both tables
  };

  GuardedImages(Options options, Parts parts);
  ~GuardedImages() override;

  [[nodiscard]] Limits limits() const override { return {.max_changes = 1, .max_bytes = 16u << 20}; }
  [[nodiscard]] async::Task<Result<std::vector<Outcome>>> write(std::span<const model::Change* const> changes,
                                                                SteadyTime not_after) override;
  [[nodiscard]] std::string describe() const override;

  [[nodiscard]] Statistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::sink
