// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "model/change.hpp"

namespace dynamirror::transform {

/// A rule that keeps some changes from the target. Such a change counts as "filtered by <rule>" (invariant 4) and is
/// not looked at again. Pure: same arguments, same answer; thread-safe for that reason.
class ChangeFilter {
 public:
  virtual ~ChangeFilter() = default;

  /// The name of the rule that keeps this change out, or nothing when it may pass. The name lives as long as the
  /// program.
  [[nodiscard]] virtual std::optional<std::string_view> rejects(const model::Change& change, WallTime now) const = 0;
};

/// Keeps out changes that are older than a given age when they are read, as `MaximumRecordAgeInSeconds` of a Lambda
/// event source mapping does: for targets that only care about what is recent. A stream's times have steps of a second,
/// so a change of exactly the age, to the second, still passes. Take care: a deletion that is filtered leaves its item
/// in the target.
class MaxRecordAge final : public ChangeFilter {
 public:
  static constexpr std::string_view kName = "max-record-age";

  /// REQUIRES: age is not negative.
  explicit MaxRecordAge(std::chrono::seconds age) : age_(age) { assert(age.count() >= 0); }

  [[nodiscard]] std::optional<std::string_view> rejects(const model::Change& change, WallTime now) const override {
    // A second's worth of slack for the cut-off fraction of the change's own time.
    if (change.created() + age_ + std::chrono::seconds(1) <= now) return kName;
    return std::nullopt;
  }

 private:
  std::chrono::seconds age_;
};

}  // namespace dynamirror::transform
