// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "model/change.hpp"
#include "model/shard.hpp"

namespace dynamirror::sim {

/// Counts the writes to the source table; a record's sequence number is its version.
using Version = std::uint64_t;

[[nodiscard]] inline model::SequenceNumber sequence_of(Version version) {
  std::string digits = std::to_string(version);
  digits.insert(0, 21 - std::min<std::size_t>(digits.size(), 20), '0');
  digits.front() = '1';
  return *model::SequenceNumber::parse(digits);
}
[[nodiscard]] inline Version version_of(const model::SequenceNumber& sequence) {
  return std::stoull(std::string(sequence.text().substr(1)));
}
[[nodiscard]] inline std::string key_text(int key) { return "{\"id\":{\"N\":\"" + std::to_string(key) + "\"}}"; }
[[nodiscard]] inline int key_of(std::string_view key) {
  return std::stoi(std::string(key.substr(sizeof("{\"id\":{\"N\":\"") - 1)));
}
[[nodiscard]] inline int key_of(const model::Change& change) { return key_of(change.key()); }

struct Record {
  Version version = 0;
  int key = 0;
  std::string image;    ///< empty: a deletion
  bool poison = false;  ///< the target will refuse it
};

/// What really happened in one shard.
struct TrueShard {
  ShardId id;
  std::optional<std::size_t> parent;
  int first_key = 0;  ///< its share of the keys: [first_key, end_key)
  int end_key = 0;
  std::vector<Record> records;
  bool closed = false;
  bool trimmed = false;  ///< no longer listed, and not readable
};

/// The source table and its stream as they really are: keys spread over shards, shards that close and go on in one or
/// two children, old ones trimmed away. Knows nothing of faults.
class SourceStream {
 public:
  SourceStream(int keys, int partitions, double poison, Random& random)
      : random_(random), poison_(poison), images_(static_cast<std::size_t>(keys)), latest_(images_.size(), 0) {
    for (int i = 0; i < partitions; ++i) add_shard(std::nullopt, keys * i / partitions, keys * (i + 1) / partitions);
  }

  /// One put or delete of a random key.
  void write() {
    const int key = static_cast<int>(random_.below(images_.size()));
    const std::size_t shard = open_shard_of(key);
    Record record{.version = ++version_, .key = key, .image = {}, .poison = random_.chance(poison_)};
    if (random_.chance(0.8)) {
      record.image = "v" + std::to_string(version_) + std::string(random_.below(60), '.');
    }
    images_[static_cast<std::size_t>(key)] = record.image;
    latest_[static_cast<std::size_t>(key)] = version_;
    shard_of_version_.push_back(shard);
    shards_[shard].records.push_back(std::move(record));
  }

  /// A random open shard closes and goes on in one child, or two.
  void end_a_shard() {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      if (!shards_[i].closed) open.push_back(i);
    }
    const std::size_t ended = open[random_.below(open.size())];
    shards_[ended].closed = true;
    const auto [first, end] = std::pair(shards_[ended].first_key, shards_[ended].end_key);
    if (end - first > 1 && random_.chance(0.4)) {
      const int middle = first + 1 + static_cast<int>(random_.below(static_cast<std::uint64_t>(end - first - 1)));
      add_shard(ended, first, middle);
      add_shard(ended, middle, end);
    } else {
      add_shard(ended, first, end);
    }
  }

  void trim(std::size_t shard) {
    assert(shards_[shard].closed);
    shards_[shard].trimmed = true;
  }
  /// The service trims the oldest first.
  [[nodiscard]] bool oldest_of_its_line(std::size_t shard) const {
    const auto& parent = shards_[shard].parent;
    return !parent || shards_[*parent].trimmed;
  }

  [[nodiscard]] const std::vector<TrueShard>& shards() const { return shards_; }
  [[nodiscard]] std::size_t index_of(const ShardId& id) const {
    return std::stoull(id.str().substr(id.str().rfind('-') + 1));
  }
  [[nodiscard]] std::size_t shard_of(Version version) const { return shard_of_version_.at(version - 1); }
  [[nodiscard]] Version version() const { return version_; }
  [[nodiscard]] int keys() const { return static_cast<int>(images_.size()); }
  [[nodiscard]] const std::string& image(int key) const { return images_.at(static_cast<std::size_t>(key)); }
  [[nodiscard]] Version latest(int key) const { return latest_.at(static_cast<std::size_t>(key)); }

  /// What a listing that tells the truth shows now.
  [[nodiscard]] std::vector<model::Shard> listing() const {
    std::vector<model::Shard> listed;
    for (const TrueShard& shard : shards_) {
      if (shard.trimmed) continue;
      model::Shard entry;
      entry.id = shard.id;
      if (shard.parent) entry.parents.push_back(shards_[*shard.parent].id);
      if (shard.closed) entry.last_sequence = sequence_of(version_);
      listed.push_back(std::move(entry));
    }
    return listed;
  }

 private:
  void add_shard(std::optional<std::size_t> parent, int first_key, int end_key) {
    char id[64];  // as the service makes them: time of creation, then something unique
    std::snprintf(id, sizeof(id), "shardId-%020llu-%08zu", 1'700'000'000'000ull + shards_.size() * 1'000,
                  shards_.size());
    shards_.push_back({.id = ShardId(id), .parent = parent, .first_key = first_key, .end_key = end_key, .records = {}});
  }

  [[nodiscard]] std::size_t open_shard_of(int key) const {
    for (std::size_t i = shards_.size(); i-- > 0;) {
      if (!shards_[i].closed && shards_[i].first_key <= key && key < shards_[i].end_key) return i;
    }
    assert(false && "every key has an open shard");
    return 0;
  }

  Random& random_;
  double poison_;
  std::vector<TrueShard> shards_;
  std::vector<std::string> images_;
  std::vector<Version> latest_;
  std::vector<std::size_t> shard_of_version_;
  Version version_ = 0;
};

}  // namespace dynamirror::sim
