// SPDX-License-Identifier: Apache-2.0
#include "jobs/diff/diff_join.hpp"

#include <cassert>
#include <utility>

namespace dynamirror::jobs {
namespace {

// Of the memory allowed: half for records that arrive, a quarter for the partition being joined (whose index takes up
// to two thirds as much again), the rest for what the allocator keeps.
constexpr std::uint64_t kArriving = 2;
constexpr std::uint64_t kJoining = 4;

/// Nothing when the records of one key are one on either side, with equal digests.
std::optional<DiffSuspect> suspect_of(const std::vector<DiffRecord>& group) {
  DiffSuspect suspect;
  for (const DiffRecord& record : group) {
    const bool primary = record.side == DiffSide::kPrimary;
    (primary ? suspect.primary : suspect.replica) = record.item;
    if (primary || suspect.key_json.empty()) suspect.key_json = record.key_json;
  }
  if (group.size() == 2 && suspect.primary && suspect.primary == suspect.replica) return std::nullopt;
  return suspect;
}

}  // namespace

DiffJoin::DiffJoin(Options options) : options_(std::move(options)), partitions_(kPartitions) {}
DiffJoin::~DiffJoin() = default;

/// The same digest seeds hash tables nowhere else, so its bits may be used from the top down.
std::size_t DiffJoin::partition_of(const model::ItemDigest& key) const {
  static_assert(kPartitions == 1u << 7);
  return static_cast<std::size_t>(key.high >> (57 - 7 * options_.level)) % kPartitions;
}

Status DiffJoin::add(const DiffRecord& record) {
  DiffPartition& partition = partitions_[partition_of(record.key)];
  held_bytes_ -= partition.memory_bytes();
  partition.add(record);
  held_bytes_ += partition.memory_bytes();
  return held_bytes_ > options_.memory_bytes / kArriving ? make_room() : Status{};
}

Status DiffJoin::make_room() {
  const auto count = [this] {
    held_bytes_ = 0;
    for (const auto& partition : partitions_) held_bytes_ += partition.memory_bytes();
  };
  for (auto& partition : partitions_) partition.cancel_equal();
  count();
  // Half of the limit must be free, or the next call would come soon and find as little.
  if (held_bytes_ <= options_.memory_bytes / kArriving / 2) return {};
  for (auto& partition : partitions_) {
    const std::uint64_t before = partition.file_bytes();
    if (auto status = partition.spill(options_.temp_folder); !status) return status;
    spilled_bytes_ += partition.file_bytes() - before;
  }
  count();
  return {};
}

Status DiffJoin::open_next_partition() {
  DiffPartition& partition = partitions_[joined_++];
  if (partition.total_bytes() > options_.memory_bytes / kJoining && options_.level < kMaxLevel) {
    smaller_ = std::make_unique<DiffJoin>(Options{
        .memory_bytes = options_.memory_bytes / 2, .temp_folder = options_.temp_folder, .level = options_.level + 1});
    Status status = partition.drain([&](const DiffRecord& record) { return smaller_->add(record); });
    spilled_bytes_ += smaller_->spilled_bytes();
    return status;
  }
  packed_.clear();
  packed_.reserve(partition.total_bytes());
  Status status = partition.drain([&](const DiffRecord& record) {
    append_record(packed_, record);
    return Status{};
  });
  if (status) sorted_.emplace(packed_);
  return status;
}

Result<std::vector<DiffSuspect>> DiffJoin::next(std::size_t limit) {
  assert(limit > 0);
  std::vector<DiffSuspect> suspects;
  while (suspects.size() < limit) {  // ends with the partitions
    if (smaller_) {
      auto more = smaller_->next(limit - suspects.size());
      if (!more) return std::unexpected(std::move(more.error()));
      if (more->empty()) smaller_.reset();
      for (auto& suspect : *more) suspects.push_back(std::move(suspect));
    } else if (sorted_) {
      const auto& group = sorted_->next_key();
      if (group.empty()) {
        sorted_.reset();
      } else if (auto suspect = suspect_of(group)) {
        suspects.push_back(std::move(*suspect));
      }
    } else if (joined_ < partitions_.size()) {
      if (auto opened = open_next_partition(); !opened) return std::unexpected(std::move(opened.error()));
    } else {
      break;
    }
  }
  return suspects;
}

}  // namespace dynamirror::jobs
