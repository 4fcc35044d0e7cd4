// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "transform/change_rule.hpp"

namespace dynamirror::transform {

/// Hands the work over from one function to another at a moment, as mapbox's dynamodb-replicator does: one of them only
/// takes changes made before it, the other one those made at it or later. A stream's times have steps of a second.
class Turnover final : public ChangeRule {
 public:
  enum class Role { kBefore, kAfter };

  Turnover(Role role, WallTime moment) : role_(role), moment_(moment) {}

  [[nodiscard]] std::string_view name() const override { return "turnover"; }
  [[nodiscard]] Verdict apply(model::Change& change, WallTime /*now*/) const override {
    const bool before = change.created() < moment_;
    return before == (role_ == Role::kBefore) ? Verdict::kPass : Verdict::kDrop;
  }

 private:
  Role role_;
  WallTime moment_;
};

}  // namespace dynamirror::transform
