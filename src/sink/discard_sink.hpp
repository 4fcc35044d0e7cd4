// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sink/change_sink.hpp"

namespace dynamirror::sink {

/// Takes every change and writes nothing: the sink of a dry run. Not thread-safe.
class DiscardSink final : public ChangeSink {
 public:
  /// `target`: the table that would have been written to, for messages.
  explicit DiscardSink(std::string target) : target_(std::move(target)) {}

  [[nodiscard]] Limits limits() const override { return {}; }
  [[nodiscard]] async::Task<Result<std::vector<Outcome>>> write(std::span<const model::Change* const> changes,
                                                                SteadyTime /*not_after*/) override {
    co_return std::vector<Outcome>(changes.size(), Applied{});
  }
  [[nodiscard]] std::string describe() const override { return target_; }

 private:
  std::string target_;
};

}  // namespace dynamirror::sink
