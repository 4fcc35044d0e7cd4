// SPDX-License-Identifier: Apache-2.0
#include "multimaster/key_work.hpp"

#include <cassert>
#include <utility>

namespace dynamirror::multimaster {
namespace {

constexpr std::string_view kNewerWrite = "newer write";
constexpr std::string_view kNewerVersion = "newer version";
constexpr std::string_view kNewerDeletion = "newer deletion";
constexpr std::string_view kAlreadyThere = "already there";
constexpr std::string_view kDeletedSince = "deleted since";
constexpr std::string_view kOwnExpiry = "time to live";

/// A state of `version`, made on top of `base`, was made with knowledge of all that this other one stands for.
bool knew(const Version& version, const std::optional<Version>& base, const Version& other) {
  if (base && *base >= other) return true;
  return version.origin() == other.origin() && version > other && !version.is_adopted();  // one table's writes
}

Marks marks_for(const ItemState& item, Version version, std::optional<Version> base) {
  return Marks{.version = std::move(version), .base = std::move(base), .hash = hash_of(item.content)};
}

}  // namespace

KeyWork::KeyWork(LocalWork work) : work_(std::move(work)) {}
KeyWork::KeyWork(RemoteWork work) : work_(std::move(work)) {}
KeyWork::KeyWork(AdoptWork work) : work_(std::move(work)), step_(Step::kReadItem) {}

// ---- what came of a step

void KeyWork::tombstone_is(std::optional<Tombstone> tombstone) {
  assert(step_ == Step::kReadTombstone);
  tombstone_ = std::move(tombstone);
  decide();
}

void KeyWork::item_is(std::optional<ItemState> item) {
  assert(step_ == Step::kReadItem);
  item_ = std::move(item);
  item_known_ = true;
  decide();
}

void KeyWork::written(bool condition_held) {
  const bool buried = step_ == Step::kWriteTombstone;
  assert(buried || step_ == Step::kWriteItem);
  if (closing_ && condition_held) {
    step_ = Step::kDone;
    return;
  }
  closing_ = false;
  if (!condition_held) {
    if (!applied_) conflict_.reset();
    item_known_ = false;
    step_ = ++rounds_ < kMaxRounds ? Step::kReadTombstone : Step::kTryAgain;
    return;
  }
  applied_ = true;
  if (buried) {
    // A state that is put meanwhile sees the tombstone, or is seen here: the tombstone first, then the item.
    if (burial_.version) {
      if (!tombstone_) tombstone_ = Tombstone{.version = *burial_.version};
      tombstone_->version = *burial_.version;
      tombstone_->base = burial_.base;
    }
    if (burial_.floor) tombstone_->floor = burial_.floor;
    item_known_ = false;
    return decide();
  }
  if (write_ == Write::kErase) {
    item_.reset();
    return decide();
  }
  if (marks_->deleted) return read_item();  // an update that came in between is to be seen
  if (write_ == Write::kRaise) return done(kNewerWrite);
  const std::string content = write_ == Write::kPut ? content_ : item_->json;
  if (auto state = read_state(with_marks(content, *marks_))) item_ = std::move(*state);
  step_ = Step::kReadTombstone;  // the item first, then the tombstone: one of the two writers sees the other
}

// ---- decisions

void KeyWork::decide() {
  std::visit([this](const auto& work) { decide(work); }, work_);
}

void KeyWork::decide(const LocalWork& work) {
  switch (writer_of(work.record)) {
    case Writer::kApplication:
      return work.record.is_removal() ? decide_removal(work) : decide_put(work);
    case Writer::kTouch:
      return decide_touched(work);
    case Writer::kEraser:
      return decide_erased(work);
    case Writer::kReplicator:
    case Writer::kStamp:
      return decide_replicated(work);
  }
}

std::optional<Version> KeyWork::base_for(const LocalWork& work) const {
  const Record& record = work.record;
  std::optional<Version> base;
  if (record.old_image) base = later(base, record.old_image->version);
  if (record.new_image) base = later(base, record.new_image->version);
  if (tombstone_ && tombstone_->floor && tombstone_->floor->at < record.sequence) {
    base = later(base, tombstone_->floor->version);
  }
  // What is there when a deletion is worked on may be of long after it.
  if (!record.is_removal() && item_known_ && item_ && !item_->clean()) base = later(base, item_->version);
  return base;
}

Version KeyWork::version_for(const LocalWork& work) const {
  const model::SequenceNumber& sequence = work.record.sequence;
  const auto is_this = [&](const Version& version) {
    return version.origin() == work.origin && version.sequence() == sequence;
  };
  if (item_known_ && item_ && item_->version && is_this(*item_->version)) return *item_->version;
  const bool given = work.record.is_removal() && tombstone_ && tombstone_->floor;
  if (given && is_this(tombstone_->floor->version)) return tombstone_->floor->version;
  Version version(work.record.time, sequence, work.origin);
  const auto base = base_for(work);
  if (!base || *base < version) return version;
  const bool in_order = base->origin() == work.origin && base->sequence() < sequence;
  return {base->time() + (in_order ? 0 : 1), sequence, work.origin};
}

bool KeyWork::has_later_write_than(const LocalWork& work) const {
  return item_ && item_->version && item_->version->origin() == work.origin &&
         item_->version->sequence() > work.record.sequence;
}

bool KeyWork::is_dead() const {
  return item_ && item_->clean() && tombstone_ && *item_->version <= tombstone_->version;
}

bool KeyWork::needs_floor(const LocalWork& work) const {
  return !tombstone_ || !tombstone_->floor || tombstone_->floor->at < work.record.sequence;
}

void KeyWork::decide_erased(const LocalWork& work) {
  const Record& record = work.record;
  const Version& erased_by = *record.old_image->version;
  if (Version(record.time, record.sequence, work.origin) < erased_by && needs_floor(work)) {
    Burial burial{.floor = Tombstone::Floor{erased_by, record.sequence}};
    if (!tombstone_ || tombstone_->version < erased_by) burial.version = erased_by;
    return bury(std::move(burial));
  }
  if (work.topology == Topology::kRing) send_on(work);
  done();
}

void KeyWork::decide_replicated(const LocalWork& work) {
  const bool ring = work.topology == Topology::kRing;
  const bool own = work.record.new_image->version->origin() == work.origin;
  if (!ring && !own && (!tombstone_ || *work.record.new_image->version > tombstone_->version)) return done();
  if (!item_known_) return read_item();
  if (is_dead()) return erase_dead();
  if ((ring || own) && !work.record.new_image->deleted) send_on(work);
  done();
}

void KeyWork::decide_expiry(const LocalWork& work) {
  const auto base = base_for(work);
  if (base && (!tombstone_ || tombstone_->version < *base)) return bury({.version = base, .base = base});
  done(kOwnExpiry);
}

void KeyWork::decide_removal(const LocalWork& work) {
  if (work.record.expiry) return decide_expiry(work);
  const Version version = version_for(work);
  const auto base = base_for(work);
  Burial burial;
  if (!tombstone_ || tombstone_->version < version) {
    burial.version = version;
    burial.base = base;
    if (work.record.old_image) burial.image = without_marks(work.record.old_image->json);
  }
  if (needs_floor(work)) burial.floor = Tombstone::Floor{version, work.record.sequence};
  if (burial.version || burial.floor) return bury(std::move(burial));
  if (!item_known_) return read_item();
  if (is_dead()) return erase_dead();
  if (tombstone_->version == version) {
    sent_on_ = Message{.version = version, .base = base};
    if (work.topology == Topology::kMesh || !item_) return done();
  }
  if (work.topology == Topology::kRing) send_on(work);
  done(tombstone_->version == version ? std::string_view() : kNewerDeletion);
}

void KeyWork::decide_touched(const LocalWork& work) {
  if (!item_known_) return read_item();
  if (!item_ || has_later_write_than(work) || item_->clean()) return done(kNewerWrite);
  decide_unclean(work);
}

void KeyWork::decide_put(const LocalWork& work) {
  if (!item_known_) return read_item();
  if (!item_) return work.record.erased_unseen ? decide_erased_unseen(work) : decide_absent(work);
  if (has_later_write_than(work)) return done(kNewerWrite);
  return item_->clean() ? decide_clean(work) : decide_unclean(work);
}

/// A record that comes later must get a greater version, although its old image may not show this one: true when that
/// is to be written down first.
bool KeyWork::bury_floor(const LocalWork& work, const Version& version) {
  if (version.time() == work.record.time || !needs_floor(work)) return false;
  const auto base = base_for(work);
  Burial burial{.floor = Tombstone::Floor{version, work.record.sequence}};
  if (base && (!tombstone_ || tombstone_->version < *base)) burial.version = base;
  if (!burial.version && !tombstone_) return false;
  bury(std::move(burial));
  return true;
}

void KeyWork::decide_erased_unseen(const LocalWork& work) {
  const Version version = version_for(work);
  const bool deleted_since = tombstone_ && (tombstone_->version >= version ||
                                            (tombstone_->floor && tombstone_->floor->at > work.record.sequence));
  if (deleted_since) return decide_absent(work);
  if (bury_floor(work, version)) return;
  content_ = without_marks(work.record.new_image->json);
  write_item(Write::kPut, marks_for(*work.record.new_image, version, base_for(work)));
}

void KeyWork::decide_absent(const LocalWork& work) {
  // What it was made on top of is dead in any case. Its own deletion's record comes next, and must get a greater
  // version.
  if (bury_floor(work, version_for(work))) return;
  const auto base = base_for(work);
  if (base && (!tombstone_ || tombstone_->version < *base)) return bury({.version = base});
  send_on(work);  // the deletion's record, or its message, may have given way to this one
  if (!sent_on_ && base && tombstone_->version == *base) sent_on_ = Message{.version = *base};
  done(kDeletedSince);
}

void KeyWork::decide_clean(const LocalWork& work) {
  if (is_dead()) return erase_dead();
  const Version version = version_for(work);
  const bool same = item_->content == work.record.new_image->content;
  const bool own = item_->version->origin() == work.origin;
  if (own && item_->version->sequence() == work.record.sequence) {
    send_on(work);
    return done();
  }
  if (*item_->version >= version) {
    if (work.topology == Topology::kRing) send_on(work);
    return done(kNewerVersion);
  }
  if (same) return stamp(work);
  const auto base = base_for(work);
  // Below what the stream has shown: an application has put an old item back, with our attributes, over this one.
  const bool went_back = base && *item_->version < *base;
  if (own && !went_back) {  // a later local write has this record's content, too, or this one was put back
    send_on(work);
    return done(kNewerWrite);
  }
  if (bury_floor(work, version)) return;
  if (!knew(version, base, *item_->version)) {
    Conflict conflict{.winner = version, .loser = *item_->version, .loser_deletes = item_->deleted};
    conflict.inserts = !base && !item_->base;
    conflict.winner_image = work.record.new_image->json;
    conflict.loser_image = item_->json;
    note(std::move(conflict));
  }
  content_ = without_marks(work.record.new_image->json);  // something older has replaced it
  write_item(Write::kPut, marks_for(*work.record.new_image, version, base));
}

void KeyWork::decide_unclean(const LocalWork& work) {
  const Version version = version_for(work);
  const bool same = work.record.new_image && item_->content == work.record.new_image->content;
  if (!same) {  // a later local write, which must get a greater version although a Put has dropped this one
    if (item_->version && *item_->version >= version) return done(kNewerWrite);
    return write_item(Write::kRaise, Marks{.version = version});
  }
  if (!tombstone_ || tombstone_->version < version) return stamp(work);
  lost_to_tombstone(version, item_->json);
  erase_dead();
}

void KeyWork::stamp(const LocalWork& work) {
  write_item(Write::kStamp, marks_for(*item_, version_for(work), base_for(work)));
}

void KeyWork::decide(const RemoteWork& work) {
  return work.message.content ? decide_remote_put(work) : decide_remote_deletion(work);
}

void KeyWork::decide_remote_put(const RemoteWork& work) {
  const Message& message = work.message;
  if (!item_known_) return read_item();
  if (item_ && !item_->clean()) {
    step_ = Step::kWait;
    return;
  }
  if (is_dead()) return erase_dead();
  if (tombstone_ && tombstone_->version >= message.version) {
    if (!applied_) lost_to_tombstone(message.version, *message.content);
    return done(kNewerDeletion);
  }
  const auto content = read_state(*message.content);
  const bool same = item_ && content && content->content == item_->content && !item_->deleted;
  if (item_ && *item_->version >= message.version) {
    if (*item_->version == message.version) return done(applied_ ? std::string_view() : kAlreadyThere);
    if (!same && !knew(*item_->version, item_->base, message.version)) {
      Conflict conflict{.winner = *item_->version, .loser = message.version, .winner_deletes = item_->deleted};
      conflict.inserts = !item_->base && !message.base;
      conflict.winner_image = item_->json;
      conflict.loser_image = *message.content;
      note(std::move(conflict));
    }
    return done(kNewerVersion);
  }
  const auto there = item_ ? item_->version : tombstone_ ? std::optional(tombstone_->version) : std::nullopt;
  if (there && !same && !knew(message.version, message.base, *there)) {
    Conflict conflict{.winner = message.version, .loser = *there, .loser_deletes = !item_ || item_->deleted};
    conflict.inserts = !message.base && item_ && !item_->base;
    conflict.winner_image = *message.content;
    if (item_) conflict.loser_image = item_->json;
    note(std::move(conflict));
  }
  content_ = *message.content;
  write_item(Write::kPut, Marks{.version = message.version,
                                .base = message.base,
                                .hash = content ? hash_of(content->content) : std::string()});
}

void KeyWork::decide_remote_deletion(const RemoteWork& work) {
  const Message& message = work.message;
  if (!tombstone_ || tombstone_->version < message.version) {
    return bury({.version = message.version, .base = message.base});
  }
  if (!item_known_) return read_item();
  if (!item_) return decide_remote_absence(work);
  if (!item_->clean()) {
    step_ = Step::kWait;
    return;
  }
  if (is_dead()) {
    if (!item_->deleted) lost_to_tombstone(*item_->version, item_->json);
    return erase_dead();
  }
  if (!knew(*item_->version, item_->base, message.version)) {
    Conflict conflict{.winner = *item_->version, .loser = message.version, .loser_deletes = true};
    conflict.winner_image = item_->json;
    note(std::move(conflict));
  }
  done(kNewerVersion);
}

void KeyWork::decide_remote_absence(const RemoteWork& work) {
  const bool erased = applied_ && write_ == Write::kErase;
  // Its own deletion has been around the ring.
  const bool back = !applied_ && work.message.version.origin() == work.origin;
  if (work.topology == Topology::kMesh || erased || back) return done(applied_ ? std::string_view() : kAlreadyThere);
  // The next table of the ring learns of a deletion by this table's stream alone: so it must show there.
  const auto key = read_state(work.key);
  if (!key) return done(kAlreadyThere);
  content_ = work.key;
  Marks marks = marks_for(*key, tombstone_->version, tombstone_->base);
  marks.deleted = true;
  write_item(Write::kPut, std::move(marks));
}

void KeyWork::decide(const AdoptWork& work) {
  if (!item_) return done(kDeletedSince);
  if (item_->clean()) {
    if (item_->deleted) return done(kNewerDeletion);
    sent_on_ = Message{.version = *item_->version, .base = item_->base, .content = without_marks(item_->json)};
    return done();
  }
  if (item_->content != work.content) return done(kNewerWrite);  // its record gives it a version
  // With a version of before its record has left the stream unread: nobody else will give it one.
  auto version = Version::adopted(work.rank, work.content);
  if (item_->version) version = Version(item_->version->time() + 1, version.sequence(), version.origin());
  write_item(Write::kStamp, marks_for(*item_, std::move(version), item_->version));
}

// ---- conflicts

std::string_view kind_of(const Conflict& conflict) {
  if (conflict.winner_deletes) return "delete/update";
  if (conflict.loser_deletes) return "update/delete";
  return conflict.inserts ? "insert/insert" : "update/update";
}

void KeyWork::note(Conflict conflict) {
  if (!conflict_) conflict_ = std::move(conflict);
}

void KeyWork::lost_to_tombstone(const Version& loser, std::string image) {
  if (knew(tombstone_->version, tombstone_->base, loser)) return;
  Conflict conflict{.winner = tombstone_->version, .loser = loser, .winner_deletes = true};
  conflict.loser_image = std::move(image);
  note(std::move(conflict));
}

bool KeyWork::holds_own_version() const {
  if (!item_known_ || !item_ || !item_->version) return false;
  if (const auto* remote = std::get_if<RemoteWork>(&work_)) return *item_->version == remote->message.version;
  if (std::holds_alternative<AdoptWork>(work_)) return true;
  const auto& local = std::get<LocalWork>(work_);
  return item_->version->origin() == local.origin && item_->version->sequence() == local.record.sequence;
}

// ---- steps

void KeyWork::done(std::string_view rule) {
  rule_ = rule;
  if (!bury_erasure()) step_ = Step::kDone;
}

/// The record of an erasure has given way to this one: true when its floor is to be written first.
bool KeyWork::bury_erasure() {
  const auto* work = std::get_if<LocalWork>(&work_);
  if (!work || !work->record.old_image || !work->record.old_image->erased) return false;
  const Erasure& erasure = *work->record.old_image->erased;
  const auto* floor = tombstone_ && tombstone_->floor ? &*tombstone_->floor : nullptr;
  if (floor && floor->at >= erasure.at) return false;
  const Version& greatest = floor && floor->version > erasure.version ? floor->version : erasure.version;
  Burial burial{.floor = Tombstone::Floor{greatest, erasure.at}};
  if (!tombstone_ || tombstone_->version < erasure.version) burial.version = erasure.version;
  closing_ = true;
  bury(std::move(burial));
  return true;
}

void KeyWork::send_on(const LocalWork& work) {
  const auto is_for_the_next = [&](const Version& version) {
    return work.topology == Topology::kMesh ? version.origin() == work.origin : version.origin() != work.next;
  };
  if (item_known_ && item_) {
    if (!item_->clean() || item_->deleted || !is_for_the_next(*item_->version)) return;
    sent_on_ = Message{.version = *item_->version, .base = item_->base, .content = without_marks(item_->json)};
  } else if (tombstone_ && (work.topology == Topology::kRing || is_for_the_next(tombstone_->version))) {
    // Around the whole ring: what another table has found dead may be alive where it began.
    sent_on_ = Message{.version = tombstone_->version, .base = tombstone_->base};
  }
}

void KeyWork::erase_dead() {
  if (item_->clean() && item_->deleted && *item_->version == tombstone_->version) {
    write_ = Write::kErase;
    step_ = Step::kWriteItem;
    return;
  }
  Marks marks = marks_for(*item_, tombstone_->version, tombstone_->base);
  marks.deleted = true;
  write_item(Write::kStamp, std::move(marks));
}

void KeyWork::write_item(Write write, Marks marks) {
  write_ = write;
  marks_ = std::move(marks);
  step_ = Step::kWriteItem;
}

void KeyWork::bury(Burial burial) {
  burial_ = std::move(burial);
  step_ = Step::kWriteTombstone;
}

}  // namespace dynamirror::multimaster
