// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/key_canonicalizer.hpp"
#include "objects/object_store.hpp"
#include "sink/item_objects.hpp"

namespace dynamirror::jobs {

/// Decides which object of an item counts where mapbox's tools have left one under each of the key's two names (see
/// sink::ItemObjects): the newer one, and the sorted name's of two that are equally old. For whoever goes through a
/// folder page by page and lets a later state of an item win over an earlier one.
///
/// Bounded: nothing is remembered of single items. An object under a sorted name costs no request until one under an
/// old name has been met, so that folders of ours cost none; from then on every object costs one, to look for its other
/// name. Not thread-safe: lives on one event loop; calls may overlap.
class TwoNames {
 public:
  enum class Verdict {
    kTake,
    kLater,       ///< ask again, with Round::kLater, when everything else of the page has been taken
    kSuperseded,  ///< the object under the item's other name is newer, or is the item's deletion
  };
  enum class Round { kPage, kLater };

  /// `prefix`: what all names begin with. `as_of`: by versions of the objects; otherwise by the newest there are.
  /// REQUIRES: the store outlives it.
  TwoNames(objects::ObjectStore& store, std::string prefix, model::KeySchema key, std::optional<WallTime> as_of);

  /// From now on as if an old name had been met: for whoever sees a part of the folder only, which may hold one of an
  /// item's objects and not the other.
  void expect_old_names() { met_old_name_ = true; }

  /// Whether the object of that name is the item's. Errors: class invalid, naming object and key, when it is not.
  [[nodiscard]] Status check(const std::string& object, std::string_view item);

  /// `item`: what the object holds; borrowed. Items without the key are to be taken: whoever reads them will tell.
  /// Errors: those of the store.
  [[nodiscard]] async::Task<Result<Verdict>> judge(objects::ObjectVersion object, std::string_view item, Round round);

 private:
  struct Names {
    std::string key_json;
    std::string sorted;
    std::string old;  ///< empty for a key of one attribute
  };
  [[nodiscard]] Result<Names> names_of(std::string_view item);
  [[nodiscard]] async::Task<Result<bool>> is_superseded(objects::ObjectVersion object, std::string other, bool is_old);
  [[nodiscard]] async::Task<Result<std::optional<objects::ObjectVersion>>> look_up(std::string key);
  [[nodiscard]] async::Task<Result<std::optional<objects::ObjectVersion>>> look_up_at(std::string key, WallTime moment);

  objects::ObjectStore& store_;
  std::string prefix_;
  bool composite_;
  std::optional<WallTime> as_of_;
  model::KeyCanonicalizer keys_;
  sink::ItemObjects names_;
  bool met_old_name_ = false;
};

}  // namespace dynamirror::jobs
