// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "jobs/diff/diff_partition.hpp"
#include "model/item_digest.hpp"

namespace dynamirror::jobs {

/// A key whose items two scans have not shown as equal. Perhaps they are: the scans looked at different moments.
struct DiffSuspect {
  std::string key_json;                      ///< canonical, as the primary spells it where it has the item
  std::optional<model::ItemDigest> primary;  ///< as scanned; nothing: not found there
  std::optional<model::ItemDigest> replica;
};

/// Brings the records of two scans together by key, in bounded memory whatever the size of the tables: beyond the limit
/// they go to partitions on disk, by the digest of their key, and partitions are joined one after the other. One that
/// is too large by itself is partitioned again. While both scans proceed alike, equal items meet in memory and cancel
/// each other, so that tables in step need no disk at all.
///
/// Not thread-safe; work on files blocks. Errors: class fatal, naming the folder.
class DiffJoin {
 public:
  struct Options {
    std::uint64_t memory_bytes = 256u << 20;
    std::filesystem::path temp_folder{"/tmp"};
    int level = 0;  ///< how often the records were partitioned before
  };

  explicit DiffJoin(Options options);
  ~DiffJoin();

  [[nodiscard]] Status add(const DiffRecord& record);

  /// After the last `add`: up to `limit` more suspects, each key once; none at the end.
  [[nodiscard]] Result<std::vector<DiffSuspect>> next(std::size_t limit);

  /// What went to disk so far.
  [[nodiscard]] std::uint64_t spilled_bytes() const { return spilled_bytes_; }

 private:
  static constexpr std::size_t kPartitions = 128;
  static constexpr int kMaxLevel = 8;  ///< 7 of the key's 128 bits each

  [[nodiscard]] std::size_t partition_of(const model::ItemDigest& key) const;
  [[nodiscard]] Status make_room();
  [[nodiscard]] Status open_next_partition();

  Options options_;
  std::vector<DiffPartition> partitions_;
  std::uint64_t held_bytes_ = 0;
  std::uint64_t spilled_bytes_ = 0;

  std::size_t joined_ = 0;  ///< partitions that have been opened
  std::string packed_;      ///< the one being joined
  std::optional<SortedRecords> sorted_;
  std::unique_ptr<DiffJoin> smaller_;  ///< in its place when it is too large
};

}  // namespace dynamirror::jobs
