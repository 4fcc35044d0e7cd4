// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "model/checkpoint.hpp"
#include "model/shard.hpp"
#include "sim/source_stream.hpp"

namespace dynamirror::sim {

/// How often things go wrong; all zero once the faults have stopped.
struct Faults {
  double stale_listing = 0;      ///< a replica of the listing is not brought up to date for the next pass
  double shard_left_out = 0;     ///< a listing lacks one shard
  double closed_shown_open = 0;  ///< per closed shard of a listing
  double listing_throttled = 0;  ///< per page
  double read_throttled = 0;
  double iterator_expired = 0;
  double empty_page = 0;
  double write_throttled = 0;
  double write_fails = 0;   ///< an error of which nobody knows whether the write took place
  double store_fails = 0;   ///< the state file, or the dead-letter file, cannot be written: the job ends with an error
  double lease_lost = 0;    ///< per action: another worker takes a lease of ours whose time is over
  double lease_wanted = 0;  ///< per action: another worker is to get a lease of ours
  double others_work = 0;   ///< per action: another worker goes on with what it has
  double stop = 0;          ///< per action: an orderly stop
  double crash = 0;         ///< per action
};

/// The stream as the service shows it: in pages, sometimes throttled, sometimes behind the truth.
class StreamService {
 public:
  struct Iterator {
    std::size_t shard = 0;
    std::size_t next = 0;
  };
  struct Throttled {};
  struct Expired {};
  struct Gone {};
  struct Page {
    std::vector<const Record*> records;
    Iterator next;
    bool shard_ends = false;
  };
  using ReadAnswer = std::variant<Page, Throttled, Expired, Gone>;

  StreamService(const SourceStream& source, const Faults& faults, Random& random)
      : source_(source), faults_(faults), random_(random) {}

  /// What one DescribeStream pass will show, in the order of its pages. Replicas of the listing lag, so that a pass may
  /// show an earlier time than the one before. A shard that was left out is shown before another is left out: that a
  /// parent is trimmed can only be told from two listings that show the child without it.
  [[nodiscard]] std::vector<model::Shard> begin_listing() {
    for (Replica& replica : replicas_) {
      if (replica.age++ >= kMaxAge || !random_.chance(faults_.stale_listing)) replica = {source_.listing(), 0};
    }
    std::vector<model::Shard> shown = replicas_[random_.below(replicas_.size())].shards;
    most_listed_ = std::max(most_listed_, shown.size());
    for (model::Shard& shard : shown) {
      if (random_.chance(faults_.closed_shown_open)) shard.last_sequence.reset();
    }
    if (++passes_since_left_out_ > kMaxAge + 1 && !shown.empty() && random_.chance(faults_.shard_left_out)) {
      shown.erase(shown.begin() + static_cast<std::ptrdiff_t>(random_.below(shown.size())));
      passes_since_left_out_ = 0;
    }
    for (std::size_t i = shown.size(); i > 1; --i) std::swap(shown[i - 1], shown[random_.below(i)]);
    return shown;
  }

  /// Shards in the longest listing yet.
  [[nodiscard]] std::size_t most_listed() const { return most_listed_; }

  [[nodiscard]] bool listing_throttled() { return random_.chance(faults_.listing_throttled); }

  [[nodiscard]] Iterator iterator(const ShardId& id, const model::Checkpoint& from) const {
    const std::size_t shard = source_.index_of(id);
    const auto& records = source_.shards()[shard].records;
    if (std::holds_alternative<model::Latest>(from)) return {shard, records.size()};
    const auto* after = std::get_if<model::AfterSequence>(&from);
    if (!after) return {shard, 0};
    const auto next = std::upper_bound(records.begin(), records.end(), version_of(after->sequence),
                                       [](Version v, const Record& record) { return v < record.version; });
    return {shard, static_cast<std::size_t>(next - records.begin())};
  }

  [[nodiscard]] ReadAnswer read(Iterator at) {
    const TrueShard& shard = source_.shards()[at.shard];
    if (shard.trimmed) return Gone{};
    if (random_.chance(faults_.read_throttled)) return Throttled{};
    if (random_.chance(faults_.iterator_expired)) return Expired{};
    Page page;
    const std::size_t limit = random_.chance(faults_.empty_page) ? 0 : 1 + random_.below(kMaxPage);
    const std::size_t end = std::min(at.next + limit, shard.records.size());
    for (std::size_t i = at.next; i < end; ++i) page.records.push_back(&shard.records[i]);
    page.next = {at.shard, end};
    page.shard_ends = shard.closed && end == shard.records.size();
    return page;
  }

  /// True when the target will never take the change of that sequence.
  [[nodiscard]] bool is_poison(const model::SequenceNumber& sequence) const {
    const Version version = version_of(sequence);
    const auto& records = source_.shards()[source_.shard_of(version)].records;
    const auto at = std::lower_bound(records.begin(), records.end(), version,
                                     [](const Record& record, Version v) { return record.version < v; });
    return at->poison;
  }

  static constexpr std::size_t kMaxPage = 20;

 private:
  static constexpr int kMaxAge = 2;
  struct Replica {
    std::vector<model::Shard> shards;
    int age = kMaxAge;
  };

  const SourceStream& source_;
  const Faults& faults_;
  Random& random_;
  std::array<Replica, 2> replicas_;
  std::size_t most_listed_ = 0;
  int passes_since_left_out_ = kMaxAge + 1;  ///< the first listing may leave a shard out
};

}  // namespace dynamirror::sim
