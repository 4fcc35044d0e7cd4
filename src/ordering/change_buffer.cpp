// SPDX-License-Identifier: Apache-2.0
#include "ordering/change_buffer.hpp"

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cassert>
#include <functional>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "ordering/impl/slab.hpp"
#include "ordering/low_watermark.hpp"

namespace dynamirror::ordering {
namespace {

using Index = std::uint32_t;
constexpr Index kNone = ~Index{0};

/// A change that is not settled, and where its acknowledgement belongs.
struct Held {
  model::Change change;
  ChangeBuffer::ShardHandle shard = 0;
  LowWatermark::Ticket place = 0;
  WallTime missing_since{};  // when the oldest change of the key was made that only this one brings to the target
};

/// A key with at least one held change. It is in exactly one state: in flight (`in_flight` set, `pending` maybe), or
/// ready or paused (`pending` set, `in_flight` not).
struct KeySlot {
  std::size_t hash = 0;
  ChangeBuffer::Ticket ticket = 0;  // of `in_flight`
  Index pending = kNone;
  Index in_flight = kNone;
  Index next_ready = kNone;
  int attempts = 0;
};

struct KeyEntry {
  std::size_t hash;
  Index slot;
};
struct KeyLookup {
  std::string_view key;
  std::size_t hash;
};

struct HashOfKey {
  using is_transparent = void;
  using is_avalanching = void;  // std::hash of a text is mixed well enough already
  std::size_t operator()(const KeyEntry& entry) const { return entry.hash; }
  std::size_t operator()(const KeyLookup& lookup) const { return lookup.hash; }
};

/// The key's text is kept once, in its changes: the index compares through the slot.
struct SameKey {
  using is_transparent = void;
  const Slab<KeySlot>* slots;
  const Slab<Held>* held;

  bool operator()(const KeyEntry& a, const KeyEntry& b) const { return a.slot == b.slot; }
  bool operator()(const KeyLookup& a, const KeyEntry& b) const {
    if (a.hash != b.hash) return false;
    const KeySlot& slot = (*slots)[b.slot];
    return (*held)[slot.pending != kNone ? slot.pending : slot.in_flight].change.key() == a.key;
  }
  bool operator()(const KeyEntry& a, const KeyLookup& b) const { return (*this)(b, a); }
};

}  // namespace

struct ChangeBuffer::Impl {
  explicit Impl(Options limits) : options(std::move(limits)) {}

  Options options;
  Slab<LowWatermark> shards;
  Slab<Held> held;
  Slab<KeySlot> slots;
  boost::unordered_flat_set<KeyEntry, HashOfKey, SameKey> keys{0, HashOfKey{}, SameKey{&slots, &held}};

  Index first_ready = kNone;  // a chain through `next_ready`
  Index last_ready = kNone;
  std::size_t ready_keys = 0;
  std::multimap<SteadyTime, Index> paused;  // equal times stay in the order they came

  Counters counters;
  std::size_t held_bytes = 0;
  std::size_t in_flight = 0;
  std::size_t uncovered = 0;
  std::uint32_t next_generation = 0;

  LowWatermark::Ticket begin(ShardHandle shard, const model::SequenceNumber& sequence) {
    ++counters.read;
    ++uncovered;
    return shards[shard].begin(sequence);
  }

  void acknowledge(ShardHandle shard, LowWatermark::Ticket place) {
    LowWatermark& watermark = shards[shard];
    const std::size_t open_before = watermark.open();
    watermark.acknowledge(place);
    uncovered -= open_before - watermark.open();
  }

  /// Lets go of a change and lets its shard's watermark pass it. The caller counts why.
  void settle(Index index) {
    const Held& entry = held[index];
    held_bytes -= entry.change.footprint_bytes();
    acknowledge(entry.shard, entry.place);
    held.erase(index);
  }

  void supersede(Index older, Index newer) {
    held[newer].missing_since = std::min(held[newer].missing_since, held[older].missing_since);
    settle(older);
    ++counters.superseded;
  }

  [[nodiscard]] Index combined(Index first, Index second) {
    model::Change& newer = held[second].change;
    model::Change& older = held[first].change;
    held_bytes -= newer.footprint_bytes() + older.footprint_bytes();
    const bool newer_stays = options.combine(newer, older);
    held_bytes += newer.footprint_bytes() + older.footprint_bytes();
    if (newer_stays) {
      // In the place of the first, so that both are read again when this process ends before it is written.
      std::swap(held[first].place, held[second].place);
      std::swap(held[first].shard, held[second].shard);
      supersede(first, second);
      return second;
    }
    supersede(second, first);
    return first;
  }

  /// Which of two changes of a key, of which neither is under way, is to be written.
  [[nodiscard]] Index newest(Index first, Index second) {
    if (options.combine) return combined(first, second);
    const model::Change& older = held[first].change;
    const model::Change& newer = held[second].change;
    if (!options.by_creation || newer.created() > older.created()) {
      supersede(first, second);
      return second;
    }
    const bool same = newer.kind() == older.kind() && newer.image() == older.image();
    if (newer.created() == older.created() && !same) {
      // In the place of the first, so that both are read again when this process ends before it is written.
      held_bytes -= older.footprint_bytes();
      held[first].change = model::Change::of_key(std::string(older.key()), older.sequence(), older.created());
      held_bytes += held[first].change.footprint_bytes();
    }
    supersede(second, first);
    return first;
  }

  void make_ready(Index index) {
    slots[index].next_ready = kNone;
    if (last_ready == kNone) {
      first_ready = index;
    } else {
      slots[last_ready].next_ready = index;
    }
    last_ready = index;
    ++ready_keys;
  }

  Index pop_ready() {
    const Index index = first_ready;
    first_ready = slots[index].next_ready;
    if (first_ready == kNone) last_ready = kNone;
    --ready_keys;
    return index;
  }

  void end_ripe_pauses(SteadyTime now) {
    while (!paused.empty() && paused.begin()->first <= now) {
      make_ready(paused.begin()->second);
      paused.erase(paused.begin());
    }
  }

  void add_pending(Index change) {
    const std::string_view key = held[change].change.key();
    const std::size_t hash = std::hash<std::string_view>{}(key);
    if (const auto known = keys.find(KeyLookup{key, hash}); known != keys.end()) {
      // Ready, paused or in flight: its state stays, only what is written next changes.
      KeySlot& slot = slots[known->slot];
      slot.pending = slot.pending == kNone ? change : newest(slot.pending, change);
      return;
    }
    const Index slot = slots.emplace(KeySlot{.hash = hash, .pending = change});
    keys.insert(KeyEntry{hash, slot});
    make_ready(slot);
  }

  [[nodiscard]] InFlight put_in_flight(Index index) {
    KeySlot& slot = slots[index];
    assert(slot.pending != kNone && slot.in_flight == kNone);
    slot.in_flight = std::exchange(slot.pending, kNone);
    slot.ticket = (Ticket{next_generation++} << 32) | index;
    ++in_flight;
    const Held& entry = held[slot.in_flight];
    return {.ticket = slot.ticket, .change = &entry.change, .attempts = slot.attempts, .shard = entry.shard};
  }

  /// The slot whose change this ticket names. A ticket that was settled already is a broken invariant.
  [[nodiscard]] Index in_flight_slot(Ticket ticket) const {
    const auto index = static_cast<Index>(ticket & 0xffffffffu);
    assert(slots.holds(index) && slots[index].in_flight != kNone && slots[index].ticket == ticket);
    return index;
  }

  /// After success, or once the dead-letter store has it: the key starts anew with its pending change, or is forgotten.
  void end(Ticket ticket) {
    const Index index = in_flight_slot(ticket);
    KeySlot& slot = slots[index];
    --in_flight;
    slot.attempts = 0;
    if (slot.pending == kNone) {
      keys.erase(KeyEntry{slot.hash, index});
      settle(slot.in_flight);
      slots.erase(index);
      return;
    }
    settle(std::exchange(slot.in_flight, kNone));
    make_ready(index);
  }

  void pause(Ticket ticket, SteadyTime not_before, int attempts) {
    const Index index = in_flight_slot(ticket);
    KeySlot& slot = slots[index];
    --in_flight;
    slot.attempts += attempts;
    const Index failed = std::exchange(slot.in_flight, kNone);
    if (slot.pending == kNone) {
      slot.pending = failed;
    } else {
      slot.pending = newest(failed, slot.pending);
    }
    paused.emplace(not_before, index);
  }
};

ChangeBuffer::ChangeBuffer(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
ChangeBuffer::~ChangeBuffer() = default;

ChangeBuffer::ShardHandle ChangeBuffer::add_shard() { return impl_->shards.emplace(); }

void ChangeBuffer::remove_shard(ShardHandle shard) {
  assert(outstanding(shard) == 0);
  impl_->shards.erase(shard);
}

bool ChangeBuffer::has_room() const {
  const Options& limits = impl_->options;
  return impl_->held_bytes < limits.max_bytes && impl_->counters.held() < limits.max_changes &&
         impl_->uncovered < limits.max_uncovered;
}

void ChangeBuffer::push(ShardHandle shard, model::Change change) {
  assert(!change.key().empty());
  const LowWatermark::Ticket place = impl_->begin(shard, change.sequence());
  const WallTime created = change.created();
  const Index index = impl_->held.emplace(Held{std::move(change), shard, place, created});
  impl_->held_bytes += impl_->held[index].change.footprint_bytes();
  impl_->add_pending(index);
}

void ChangeBuffer::push_filtered(ShardHandle shard, const model::SequenceNumber& sequence) {
  impl_->acknowledge(shard, impl_->begin(shard, sequence));
  ++impl_->counters.filtered;
}

void ChangeBuffer::push_dead_lettered(ShardHandle shard, const model::SequenceNumber& sequence) {
  impl_->acknowledge(shard, impl_->begin(shard, sequence));
  ++impl_->counters.dead_lettered;
}

std::vector<ChangeBuffer::InFlight> ChangeBuffer::take(std::size_t max_changes, std::size_t max_bytes, SteadyTime now) {
  impl_->end_ripe_pauses(now);
  std::vector<InFlight> taken;
  taken.reserve(std::min(max_changes, impl_->ready_keys));
  std::size_t bytes = 0;
  while (taken.size() < max_changes && impl_->ready_keys > 0) {
    const model::Change& next = impl_->held[impl_->slots[impl_->first_ready].pending].change;
    bytes += next.key().size() + next.image().size();
    if (bytes > max_bytes && !taken.empty()) break;
    taken.push_back(impl_->put_in_flight(impl_->pop_ready()));
  }
  return taken;
}

void ChangeBuffer::applied(Ticket ticket) {
  impl_->end(ticket);
  ++impl_->counters.applied;
}

void ChangeBuffer::superseded(Ticket ticket) {
  impl_->end(ticket);
  ++impl_->counters.superseded;
}

void ChangeBuffer::dead_lettered(Ticket ticket) {
  impl_->end(ticket);
  ++impl_->counters.dead_lettered;
}

void ChangeBuffer::release(Ticket ticket) {
  impl_->end(ticket);
  ++impl_->counters.released;
}

void ChangeBuffer::postpone(Ticket ticket, SteadyTime not_before) { impl_->pause(ticket, not_before, 0); }

void ChangeBuffer::retry(Ticket ticket, SteadyTime not_before) { impl_->pause(ticket, not_before, 1); }

std::size_t ChangeBuffer::outstanding(ShardHandle shard) const { return impl_->shards[shard].open(); }

const std::optional<model::SequenceNumber>& ChangeBuffer::safe(ShardHandle shard) const {
  return impl_->shards[shard].safe();
}

std::size_t ChangeBuffer::ready(SteadyTime now) const {
  const auto ripe = std::distance(impl_->paused.begin(), impl_->paused.upper_bound(now));
  return impl_->ready_keys + static_cast<std::size_t>(ripe);
}

std::optional<SteadyTime> ChangeBuffer::next_retry() const {
  if (impl_->paused.empty()) return std::nullopt;
  return impl_->paused.begin()->first;
}

std::optional<WallTime> ChangeBuffer::missing_since() const {
  std::optional<WallTime> oldest;
  impl_->held.for_each(
      [&](const Held& change) { oldest = std::min(oldest.value_or(change.missing_since), change.missing_since); });
  return oldest;
}

std::size_t ChangeBuffer::held_bytes() const { return impl_->held_bytes; }
std::size_t ChangeBuffer::in_flight() const { return impl_->in_flight; }
const ChangeBuffer::Counters& ChangeBuffer::counters() const { return impl_->counters; }

}  // namespace dynamirror::ordering
