// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace dynamirror::sim {

/// The work that leases stand for: shards with numbered records. Shards end in one, two, or (two of them) in one child.
class LeaseShards {
 public:
  struct Record {
    int key = 0;
    std::uint64_t version = 0;
  };
  struct Shard {
    std::string id;
    std::vector<std::size_t> parents;
    std::vector<std::size_t> children;
    std::vector<int> keys;
    std::vector<Record> records;
    bool closed = false;
    Duration born{};
  };

  explicit LeaseShards(Random& random) : random_(random) {}

  [[nodiscard]] const std::vector<Shard>& all() const { return shards_; }
  [[nodiscard]] const Shard& operator[](std::size_t shard) const { return shards_[shard]; }
  [[nodiscard]] std::size_t index_of(const std::string& id) const { return index_.at(id); }
  /// The version that a key must have when all is done; 0: it was never written.
  [[nodiscard]] std::uint64_t latest(int key) const { return latest_[static_cast<std::size_t>(key)]; }
  [[nodiscard]] int keys() const { return static_cast<int>(latest_.size()); }

  void add_root(int keys, Duration now) {
    std::vector<int> own;
    for (int i = 0; i < keys; ++i) {
      own.push_back(static_cast<int>(latest_.size()));
      latest_.push_back(0);
    }
    add({}, std::move(own), now);
  }

  void write(std::size_t shard) {
    Shard& one = shards_[shard];
    const int key = one.keys[random_.below(one.keys.size())];
    one.records.push_back({.key = key, .version = ++version_});
    latest_[static_cast<std::size_t>(key)] = version_;
  }

  [[nodiscard]] std::vector<std::size_t> open() const {
    std::vector<std::size_t> shards;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      if (!shards_[i].closed) shards.push_back(i);
    }
    return shards;
  }

  /// Ends a random open shard, one way or another.
  void end_one(Duration now) {
    const auto candidates = open();
    const std::size_t shard = candidates[random_.below(candidates.size())];
    const std::size_t other = candidates[random_.below(candidates.size())];
    if (other != shard && random_.chance(0.3)) {
      std::vector<int> keys = shards_[shard].keys;
      keys.insert(keys.end(), shards_[other].keys.begin(), shards_[other].keys.end());
      add({shard, other}, std::move(keys), now);
    } else if (shards_[shard].keys.size() > 1 && random_.chance(0.6)) {
      const std::vector<int> keys = shards_[shard].keys;
      const auto middle = keys.begin() + static_cast<std::ptrdiff_t>(1 + random_.below(keys.size() - 1));
      add({shard}, {keys.begin(), middle}, now);
      add({shard}, {middle, keys.end()}, now);
    } else {
      add({shard}, shards_[shard].keys, now);
    }
  }

 private:
  void add(std::vector<std::size_t> parents, std::vector<int> keys, Duration now) {
    for (const std::size_t parent : parents) {
      shards_[parent].closed = true;
      shards_[parent].children.push_back(shards_.size());
    }
    std::string id = "shardId-" + std::to_string(1000 + shards_.size());
    index_.emplace(id, shards_.size());
    shards_.push_back({.id = std::move(id),
                       .parents = std::move(parents),
                       .children = {},
                       .keys = std::move(keys),
                       .records = {},
                       .born = now});
  }

  Random& random_;
  std::vector<Shard> shards_;
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<std::uint64_t> latest_;
  std::uint64_t version_ = 0;
};

}  // namespace dynamirror::sim
