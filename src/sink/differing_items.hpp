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

/// Applies changes by their keys, as PresentItems does, and writes only where the replica differs from the primary: for
/// old events that are replayed (from TRIM_HORIZON, from a time), also beside a running replication that writes the
/// same replica. An item that is equal costs two reads and no write (superseded by the rule "already equal").
///
/// Of each key the replica's item is read, then the primary's, both consistently. Where they differ the primary's is
/// written on the condition that the replica's is still what was read; when it is not, both are read again. After a
/// write the primary is read once more, and when it has changed meanwhile, all begins again.
///
/// Why that is right beside a live replication: a write of theirs between our read and our write changes what the
/// condition asks for, so it is not undone; unless it has brought the replica back to the very item that we have read
/// (A-B-A), while we hold a B that is over. Then we put B over their newer A. But the primary has had that A before our
/// write, so the read after it shows another item than B, and we begin again: A is back before this change counts as
/// done, and a process that dies in between is given the change again, for it is not checkpointed. When the read after
/// the write shows what was written, then that is the newest there was at that moment, and all that comes later the
/// live replication brings. `DifferingWrite` is what decides; tests/sim/replay_simulation runs it beside a live
/// replication.
///
/// Errors and `not_after` as for PresentItems; budgets as for TableSink and ItemReader.
/// Not thread-safe: lives on one event loop; several `write`s may be under way at once.
class DifferingItems final : public ChangeSink {
 public:
  using Options = BothTablesOptions;
  using Parts = BothTablesParts;
  struct Statistics {
    std::uint64_t equal = 0;    ///< changes that found nothing to do
    std::uint64_t written = 0;  ///< writes whose condition held
    std::uint64_t refused = 0;  ///< writes whose condition did not
    double write_units = 0;
    double read_units = 0;  ///< of both tables
  };

  DifferingItems(Options options, Parts parts);
  ~DifferingItems() override;

  [[nodiscard]] Limits limits() const override;
  [[nodiscard]] async::Task<Result<std::vector<Outcome>>> write(std::span<const model::Change* const> changes,
                                                                SteadyTime not_after) override;
  [[nodiscard]] std::string describe() const override;

  [[nodiscard]] Statistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::sink
