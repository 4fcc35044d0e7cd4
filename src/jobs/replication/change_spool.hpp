// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sink/change_sink.hpp"
#include "state/spool_store.hpp"

namespace dynamirror::jobs {

/// A sink that keeps changes on disk, the newest of each key, until their table is ready for them. So a stream can be
/// read on while something else takes longer than the stream keeps its records.
/// For one process: `not_after` does not bound it. The store is written on the event loop's disk thread. Not
/// thread-safe.
class ChangeSpool final : public sink::ChangeSink {
 public:
  /// REQUIRES: store outlives the sink.
  explicit ChangeSpool(state::SpoolStore& store) : store_(store) {}

  [[nodiscard]] Limits limits() const override { return {.max_changes = 1'000, .max_bytes = 4u << 20}; }
  [[nodiscard]] async::Task<Result<std::vector<sink::Outcome>>> write(std::span<const model::Change* const> changes,
                                                                      SteadyTime not_after) override;
  [[nodiscard]] std::string describe() const override { return "the spool"; }

 private:
  state::SpoolStore& store_;
};

}  // namespace dynamirror::jobs
