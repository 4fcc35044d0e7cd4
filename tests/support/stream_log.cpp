// SPDX-License-Identifier: Apache-2.0
#include "support/stream_log.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

#include "support/digest.hpp"

namespace dynamirror::support {
namespace {

using Wide = unsigned __int128;

// 21 digits, close below 10^21: after some tens of thousands of changes the numbers have 22.
constexpr Wide kFirstSequence = static_cast<Wide>(999'999'999'999u) * 1'000'000'000u + 990'000'000u;
constexpr auto kRetention = std::chrono::hours(24);

std::string decimal(Wide value) {
  std::string digits;
  for (; value != 0; value /= 10) digits += static_cast<char>('0' + static_cast<int>(value % 10));
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace

bool sequence_less(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

StreamLog::StreamLog(Options options, WallTime now)
    : options_(std::move(options)),
      sequence_(kFirstSequence),
      shard_stamp_(std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count()) {
  assert(options_.shards > 0);
  const std::uint64_t width = std::numeric_limits<std::uint64_t>::max() / static_cast<std::uint64_t>(options_.shards);
  for (int i = 0; i < options_.shards; ++i) {
    const bool last = i + 1 == options_.shards;
    const std::uint64_t first = width * static_cast<std::uint64_t>(i);
    add_shard(std::nullopt, first, last ? std::numeric_limits<std::uint64_t>::max() : first + width - 1);
  }
}

const StreamShard* StreamLog::find(std::string_view shard_id) const {
  const auto found = std::find_if(shards_.begin(), shards_.end(), [&](const auto& s) { return s.id == shard_id; });
  return found == shards_.end() ? nullptr : &*found;
}

StreamShard& StreamLog::open_shard(std::string_view shard_id) {
  const StreamShard* shard = find(shard_id);
  assert(shard != nullptr && shard->open());
  return shards_[static_cast<std::size_t>(shard - shards_.data())];
}

std::string StreamLog::next_sequence() {
  sequence_ += 1 + stable_hash(decimal(sequence_), options_.seed) % 999;
  return decimal(sequence_);
}

std::size_t StreamLog::add_shard(std::optional<std::string> parent, std::uint64_t first_hash, std::uint64_t last_hash) {
  StreamShard shard;
  const std::string stamp = std::to_string(shard_stamp_ + static_cast<std::int64_t>(shards_made_));
  const std::string tail = decimal(stable_hash(stamp, options_.seed) | 1u);
  shard.id = "shardId-" + std::string(20 - stamp.size(), '0') + stamp + "-" + hex(sha256(tail)).substr(0, 8);
  shard.parent = std::move(parent);
  shard.first_hash = first_hash;
  shard.last_hash = last_hash;
  shard.first_sequence = next_sequence();
  shard.created_by_listing = listings_;
  ++shards_made_;
  shards_.push_back(std::move(shard));
  open_by_last_hash_[last_hash] = shards_.size() - 1;
  return shards_.size() - 1;
}

const StreamShard& StreamLog::holder_of(std::string_view key) const {
  const std::uint64_t hash = stable_hash(key);
  const auto holder = open_by_last_hash_.lower_bound(hash);
  // Only a scripted close without a child can leave a key without a shard.
  assert(holder != open_by_last_hash_.end() && shards_[holder->second].first_hash <= hash);
  return shards_[holder->second];
}

void StreamLog::append(StreamRecord record) {
  assert(!disabled_);
  record.sequence = next_sequence();
  open_shard(holder_of(record.key).id).records.push_back(std::move(record));
}

void StreamLog::close(std::string_view shard_id, WallTime now) {
  StreamShard& shard = open_shard(shard_id);
  shard.last_sequence = next_sequence();
  shard.closed_at = now;
  shard.closed_by_listing = listings_;
  open_by_last_hash_.erase(shard.last_hash);
}

std::vector<std::string> StreamLog::split(std::string_view shard_id, WallTime now) {
  close(shard_id, now);
  const StreamShard* parent = find(shard_id);
  const std::string parent_id = parent->id;
  const std::uint64_t first = parent->first_hash;
  const std::uint64_t last = parent->last_hash;
  const std::uint64_t middle = first + (last - first) / 2;
  const std::size_t low = add_shard(parent_id, first, middle);  // moves the shards: `parent` ends here
  const std::size_t high = add_shard(parent_id, middle + 1, last);
  return {shards_[low].id, shards_[high].id};
}

std::string StreamLog::roll(std::string_view shard_id, WallTime now) {
  close(shard_id, now);
  const StreamShard* parent = find(shard_id);
  return shards_[add_shard(parent->id, parent->first_hash, parent->last_hash)].id;
}

void StreamLog::disable(WallTime now) {
  for (const StreamShard& shard : shards_) {
    if (shard.open()) close(shard.id, now);
  }
  disabled_ = true;
}

namespace {

void drop_first(StreamShard& shard) {
  shard.last_trimmed_sequence = shard.records.front().sequence;
  shard.records.pop_front();
  ++shard.trimmed;
}

}  // namespace

void StreamLog::trim(std::string_view shard_id, std::size_t keep) {
  const StreamShard* found = find(shard_id);
  assert(found != nullptr);
  StreamShard& shard = shards_[static_cast<std::size_t>(found - shards_.data())];
  while (shard.records.size() > keep) drop_first(shard);
}

void StreamLog::age(Duration by, WallTime now) {
  const auto step = std::chrono::duration_cast<WallTime::duration>(by);
  for (StreamShard& shard : shards_) {
    if (shard.closed_at) *shard.closed_at -= step;
    for (StreamRecord& record : shard.records) record.created -= step;
    while (!shard.records.empty() && shard.records.front().created < now - kRetention) drop_first(shard);
  }
  std::erase_if(shards_, [&](const StreamShard& shard) {
    return shard.closed_at && *shard.closed_at < now - kRetention && shard.records.empty();
  });
  open_by_last_hash_.clear();
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    if (shards_[i].open()) open_by_last_hash_[shards_[i].last_hash] = i;
  }
}

Expected<std::uint64_t> StreamLog::locate(const StreamShard& shard, const Start& start) {
  if (start.type == "TRIM_HORIZON") return shard.trimmed;
  if (start.type == "LATEST") return shard.trimmed + shard.records.size();
  const bool after = start.type == "AFTER_SEQUENCE_NUMBER";
  if (!shard.last_trimmed_sequence.empty() && !sequence_less(shard.last_trimmed_sequence, start.sequence)) {
    return refuse("TrimmedDataAccessException",
                  "Invalid SequenceNumber: the requested data is beyond the trim horizon of shard " + shard.id);
  }
  if (start.sequence == shard.first_sequence) return shard.trimmed;
  if (start.sequence == shard.last_sequence) return shard.trimmed + shard.records.size();
  const auto record = std::lower_bound(
      shard.records.begin(), shard.records.end(), start.sequence,
      [](const StreamRecord& each, const std::string& sequence) { return sequence_less(each.sequence, sequence); });
  if (record == shard.records.end() || record->sequence != start.sequence) {
    return invalid("Invalid SequenceNumber: " + start.sequence + " is not in shard " + shard.id);
  }
  return shard.trimmed + static_cast<std::uint64_t>(record - shard.records.begin()) + (after ? 1 : 0);
}

}  // namespace dynamirror::support
