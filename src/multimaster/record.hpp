// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "model/change.hpp"
#include "multimaster/item_state.hpp"
#include "multimaster/version.hpp"

namespace dynamirror::multimaster {

/// Who made a change, as its two images show.
enum class Writer {
  kApplication,  ///< a local write, which needs a version
  kReplicator,   ///< another table's write, put here
  kStamp,        ///< the replicator gave the content that was there a version, or marked it
  kTouch,        ///< our attributes alone were changed, and nobody vouches for the content: it needs a version, still
  kEraser,       ///< the replicator erased what another table's deletion, or a newer one, has ended
};

/// A change of the table's own stream, with its images read.
struct Record {
  model::Change::Kind kind = model::Change::Kind::kModify;
  model::SequenceNumber sequence{};
  std::int64_t time = 0;  ///< of its creation: microseconds since the epoch
  bool expiry = false;    ///< the table's own time to live
  std::optional<ItemState> old_image{};
  std::optional<ItemState> new_image{};
  /// The item was marked, then updated by an application, and erased all the same: the condition of an erasure does not
  /// see an attribute that was added in the last milliseconds. It counts as the application's put of that content.
  bool erased_unseen = false;

  [[nodiscard]] bool is_removal() const { return kind == model::Change::Kind::kRemove; }
};

/// Errors: class invalid for an image that is no item.
[[nodiscard]] Result<Record> read_record(const model::Change& change);

/// A function of the two images alone, so that it is the same whenever and wherever the record is read.
[[nodiscard]] Writer writer_of(const Record& record);

/// Which changes a flow is for.
enum class Topology {
  kMesh,  ///< each table sends what was written in it to every other one
  kRing,  ///< each table sends on whatever it gets, to the next one
};

/// Whether a record needs any work of a flow from table `origin`: local writes do, of ours what must be sent on or
/// looked after. The others are done when they are read.
[[nodiscard]] bool needs_work(const Record& record, const std::string& origin, Topology topology);

/// For ordering::ChangeBuffer: of two changes of a key that wait, which one stays, with the images that the other one's
/// work needs. A local write is never given up for one of ours; of two local ones the later stays, and brings as its
/// old image the greatest version that either had, so that what was written on top of a version gets a greater one. A
/// local one that stands for a later erasure brings that (`ItemState::erased`), for those that come after it.
/// True: `newer` stays.
[[nodiscard]] bool combine(model::Change& newer, model::Change& older);

}  // namespace dynamirror::multimaster
