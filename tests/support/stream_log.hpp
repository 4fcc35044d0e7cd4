// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "support/item_value.hpp"

namespace dynamirror::support {

/// One change in a stream, as it will be shown.
struct StreamRecord {
  std::string sequence;
  std::string event_name;  ///< INSERT, MODIFY or REMOVE
  std::string key;         ///< canonical
  std::string shown_keys;  ///< the same attributes, in whatever order the record shows them
  ItemPointer new_image;   ///< null for REMOVE
  ItemPointer old_image;   ///< null for INSERT
  WallTime created;
  bool by_ttl = false;  ///< deleted by the service, not by a user
};

struct StreamShard {
  std::string id;
  std::optional<std::string> parent;
  std::uint64_t first_hash = 0;  ///< keys whose hash is in [first_hash, last_hash]
  std::uint64_t last_hash = 0;
  std::string first_sequence;
  std::optional<std::string> last_sequence;  ///< set when closed
  std::optional<WallTime> closed_at;
  std::deque<StreamRecord> records;      ///< what is not trimmed
  std::uint64_t trimmed = 0;             ///< records dropped from the front
  std::string last_trimmed_sequence;     ///< empty when nothing was trimmed
  std::uint64_t created_by_listing = 0;  ///< DescribeStream calls answered before it existed
  std::uint64_t closed_by_listing = 0;

  [[nodiscard]] bool open() const { return !last_sequence; }
};

/// A DynamoDB stream with many shards as a pure structure: who holds a key, what splitting, rolling and trimming leave
/// behind, and where an iterator stands. Sequence numbers grow over the whole stream and gain a digit early, so that
/// comparing them as text goes wrong soon. Not thread-safe.
class StreamLog {
 public:
  struct Options {
    std::string arn;
    std::string label;
    std::string view_type = "NEW_AND_OLD_IMAGES";
    int shards = 1;
    std::uint64_t seed = 1;
  };
  StreamLog(Options options, WallTime now);

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] bool disabled() const { return disabled_; }
  [[nodiscard]] const std::vector<StreamShard>& shards() const { return shards_; }
  [[nodiscard]] const StreamShard* find(std::string_view shard_id) const;

  /// The open shard that takes changes of this key. REQUIRES: not disabled.
  [[nodiscard]] const StreamShard& holder_of(std::string_view key) const;

  /// Appends a change to the open shard that holds the key. REQUIRES: not disabled. Fills in the sequence number.
  void append(StreamRecord record);

  // Scripted events. REQUIRES (each): the shard is open.
  std::vector<std::string> split(std::string_view shard_id, WallTime now);  ///< the two children
  std::string roll(std::string_view shard_id, WallTime now);                ///< its only child
  void close(std::string_view shard_id, WallTime now);                      ///< without a child
  void disable(WallTime now);                                               ///< closes every shard

  /// Drops the oldest records of a shard until `keep` are left.
  void trim(std::string_view shard_id, std::size_t keep);
  /// Makes everything older by `by`, then trims what is beyond 24 hours: records, and shards closed before that.
  void age(Duration by, WallTime now);

  void count_listing() { ++listings_; }
  [[nodiscard]] std::uint64_t listings() const { return listings_; }

  struct Start {
    std::string type;  ///< TRIM_HORIZON, LATEST, AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER
    std::string sequence;
  };
  /// The index of the first record to read, counted from the shard's beginning (trimmed records included).
  /// Errors: TrimmedDataAccessException at or before the last trimmed record; ValidationException for a sequence number
  /// that is not one of this shard's.
  [[nodiscard]] static Expected<std::uint64_t> locate(const StreamShard& shard, const Start& start);

 private:
  StreamShard& open_shard(std::string_view shard_id);
  std::size_t add_shard(std::optional<std::string> parent, std::uint64_t first_hash, std::uint64_t last_hash);
  std::string next_sequence();

  Options options_;
  std::vector<StreamShard> shards_;
  std::map<std::uint64_t, std::size_t> open_by_last_hash_;
  unsigned __int128 sequence_;
  std::int64_t shard_stamp_;
  std::uint64_t listings_ = 0;
  std::uint64_t shards_made_ = 0;
  bool disabled_ = false;
};

/// True when `a` is the smaller integer. Both without leading zeros.
[[nodiscard]] bool sequence_less(std::string_view a, std::string_view b);

}  // namespace dynamirror::support
