// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "model/change.hpp"

namespace dynamirror::transform {

/// What a rule decides about one change.
enum class Verdict {
  kPass,     ///< it goes on as it came
  kDrop,     ///< it is kept from the target and counts as filtered by this rule; no later rule sees it
  kRewrite,  ///< the rule has replaced its image; later rules see the new one
};

/// A named rule that every change meets once, when it enters the pipeline, in the order of the rules. Stateless, so
/// that the answer does not depend on what came before; thread-safe for that reason.
class ChangeRule {
 public:
  virtual ~ChangeRule() = default;

  /// For counters and summaries, e.g. "max-record-age". Lives as long as the program.
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// `change` is modified only with kRewrite, and never its key or sequence.
  [[nodiscard]] virtual Verdict apply(model::Change& change, WallTime now) const = 0;
};

using ChangeRules = std::vector<std::unique_ptr<const ChangeRule>>;

/// Drops changes that are older than a given age when they are read, as `MaximumRecordAgeInSeconds` of a Lambda event
/// source mapping does: for targets that only care about what is recent. A stream's times have steps of a second, so a
/// change of exactly the age, to the second, still passes. Take care: a deletion that is dropped leaves its item in the
/// target.
class MaxRecordAge final : public ChangeRule {
 public:
  /// REQUIRES: age is not negative.
  explicit MaxRecordAge(std::chrono::seconds age) : age_(age) { assert(age.count() >= 0); }

  [[nodiscard]] std::string_view name() const override { return "max-record-age"; }
  [[nodiscard]] Verdict apply(model::Change& change, WallTime now) const override {
    // A second's worth of slack for the cut-off fraction of the change's own time.
    return change.created() + age_ + std::chrono::seconds(1) <= now ? Verdict::kDrop : Verdict::kPass;
  }

 private:
  std::chrono::seconds age_;
};

}  // namespace dynamirror::transform
