// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "transform/change_rule.hpp"

namespace dynamirror::transform {

/// A table as the tags of an item name it: its region, and its name without an ARN around it.
struct TaggedTable {
  std::string region;
  std::string table;
  friend bool operator==(const TaggedTable&, const TaggedTable&) = default;
};

/// The two tables between which changes flow.
struct CircularEnds {
  TaggedTable source;
  TaggedTable target;
};

/// Lets changes travel once around a circle of tables, by the two tags of the circular replicator, whose functions may
/// serve other tables of the circle: an item is tagged with the table that it began in when it first leaves it
/// (`_repl_source_region`, `_repl_source_table`), keeps its tags on the way, and is not written back to that table.
///
/// What tags cannot tell, here as there: a deletion has none, and is always sent on (it ends where there is nothing to
/// delete); an update keeps the tags of its item, and is not sent to the table that they name.
class CircularTags final : public ChangeRule {
 public:
  /// REQUIRES: the ends differ.
  explicit CircularTags(CircularEnds ends);

  [[nodiscard]] std::string_view name() const override { return "circular-tags"; }
  /// REQUIRES: a change with its image, or a deletion.
  [[nodiscard]] Verdict apply(model::Change& change, WallTime now) const override;

 private:
  TaggedTable target_;
  std::string tags_;  ///< the two attributes, as members of an image
};

}  // namespace dynamirror::transform
