// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "multimaster/record.hpp"
#include "transform/change_rule.hpp"

namespace dynamirror::multimaster {

/// Drops the records that need no work, by `needs_work`: what the replicator itself has written, for the most part.
class EchoRule final : public transform::ChangeRule {
 public:
  /// `origin`: of the table whose stream it is.
  EchoRule(std::string origin, Topology topology) : origin_(std::move(origin)), topology_(topology) {}

  [[nodiscard]] std::string_view name() const override { return "echo"; }
  [[nodiscard]] transform::Verdict apply(model::Change& change, WallTime /*now*/) const override {
    const auto record = read_record(change);
    if (!record) return transform::Verdict::kPass;  // the sink says what is wrong with it
    return needs_work(*record, origin_, topology_) ? transform::Verdict::kPass : transform::Verdict::kDrop;
  }

 private:
  std::string origin_;
  Topology topology_;
};

}  // namespace dynamirror::multimaster
