// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/array.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "model/key.hpp"
#include "support/item_value.hpp"
#include "support/stream_log.hpp"

namespace dynamirror::support {

/// A table to begin with.
struct TableSpec {
  std::string name;
  model::KeySchema key;
  std::optional<std::string> stream_view = "NEW_AND_OLD_IMAGES";  ///< nothing: no stream
  int shards = 1;                                                 ///< open shards of the stream at the start
  double write_units_per_second = 0;  ///< 0: no limit; beyond it writes are throttled or returned as unprocessed
};

/// One write that changed the table or could have: the ground truth for "applied once per key, in order".
struct AppliedWrite {
  std::uint64_t number = 0;  ///< counts over the whole table
  std::string key;           ///< canonical
  ItemPointer item;          ///< null: a delete
  SteadyTime at;
};

/// A table: its items, the log of all writes, and its streams (the last is the latest). Not thread-safe.
class TableState {
 public:
  TableState(TableSpec spec, std::string arn, std::uint64_t seed);

  TableSpec spec;
  std::string arn;
  std::string id;  ///< differs between a table and the one of its name before it
  boost::json::array attribute_definitions;
  boost::json::array global_indexes;  ///< as CreateTable gave them
  boost::json::array local_indexes;
  bool pay_per_request = true;
  int describes_until_active = 0;  ///< more than 0: CREATING
  int describes_until_stream_enabled = 0;
  std::vector<std::unique_ptr<StreamLog>> streams;

  [[nodiscard]] bool active() const { return describes_until_active == 0; }
  /// The stream that takes changes now; null when there is none.
  [[nodiscard]] StreamLog* live_stream() const;
  void enable_stream(std::string view_type, WallTime now);

  // Each writes the log and, where something changed, the stream. Returns the old item, or null.
  ItemPointer put(const std::string& key, ItemPointer item, const Clock& clock);
  ItemPointer remove(const std::string& key, const Clock& clock, bool by_ttl = false);

  [[nodiscard]] ItemPointer find(const std::string& key) const;
  [[nodiscard]] const std::map<std::string, ItemPointer>& items() const { return items_; }
  /// The items of one segment of a scan, in the order of their keys. Valid until an item is added or removed.
  using Entry = std::pair<const std::string, ItemPointer>;
  [[nodiscard]] const std::vector<const Entry*>& segment(std::uint64_t segments, std::uint64_t number) const;
  /// Which segment a key belongs to.
  [[nodiscard]] static std::uint64_t segment_of(const std::string& key, std::uint64_t segments);
  [[nodiscard]] const std::vector<AppliedWrite>& writes() const { return writes_; }
  [[nodiscard]] std::vector<AppliedWrite> writes_of(const std::string& key) const;

  /// Takes from the token bucket of `write_units_per_second`; false when it is empty. A burst of one second is allowed.
  [[nodiscard]] bool take_write_units(double units, SteadyTime now);

 private:
  void log(const std::string& key, ItemPointer item, SteadyTime now);
  void stream(const std::string& key, ItemPointer before, ItemPointer after, WallTime now, bool by_ttl);

  std::map<std::string, ItemPointer> items_;
  /// By number of segments: a scan of many segments would otherwise look at the whole table for each of its pages.
  mutable std::map<std::uint64_t, std::vector<std::vector<const Entry*>>> segments_;
  std::vector<AppliedWrite> writes_;
  std::unordered_map<std::string, std::vector<std::size_t>> writes_by_key_;
  std::uint64_t seed_;
  double write_tokens_;
  std::optional<SteadyTime> refilled_at_;
};

/// Canonical key text with its attributes in the opposite order: records show keys either way.
[[nodiscard]] std::string reversed_key(const std::string& key);

}  // namespace dynamirror::support
