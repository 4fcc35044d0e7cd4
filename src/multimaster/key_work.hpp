// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "multimaster/item_state.hpp"
#include "multimaster/record.hpp"
#include "multimaster/version.hpp"

namespace dynamirror::multimaster {

/// What a table remembers of a key beside its item: one row of its tombstone table.
struct Tombstone {
  Version version;                     ///< every state up to this one is dead here
  std::optional<Version> base{};       ///< of what was deleted, as far as known
  std::optional<std::string> image{};  ///< what was deleted, for those who want it back
  /// The greatest version that the table's stream had shown, or been given, up to a sequence number of it.
  struct Floor {
    Version version;
    model::SequenceNumber at;
  };
  std::optional<Floor> floor{};
};

/// A state on its way to another table.
struct Message {
  Version version;
  std::optional<Version> base{};         ///< the version it was made on top of
  std::optional<std::string> content{};  ///< without our attributes; nothing: it was deleted
};

/// What is to be written into that row; what is nothing stays as it is there.
struct Burial {
  /// With `base` and `image`, if the row has no version or a smaller one.
  std::optional<Version> version{};
  std::optional<Version> base{};
  std::optional<std::string> image{};
  std::optional<Tombstone::Floor> floor{};  ///< if the row has none, or one of an earlier sequence number
};

/// Two writes, neither of which was made on top of the other; the loser is not in the tables any more.
struct Conflict {
  Version winner;
  Version loser;
  bool winner_deletes = false;
  bool loser_deletes = false;
  bool inserts = false;        ///< both were made on top of nothing
  std::string winner_image{};  ///< empty: not at hand, or a deletion
  std::string loser_image{};
};

/// "insert/insert", "update/update", "update/delete" or "delete/update": the winner first.
[[nodiscard]] std::string_view kind_of(const Conflict& conflict);

/// A record of the table's own stream to be looked after in the table, as its handler does.
struct LocalWork {
  Record record;
  std::string origin;  ///< the table's
  Topology topology = Topology::kMesh;
  std::string next{};  ///< of a ring: the origin of the table that it is sent on to
};

/// Another table's state to be brought to this one.
struct RemoteWork {
  Message message;
  std::string origin{};  ///< this table's
  std::string key{};  ///< of the item
  Topology topology = Topology::kMesh;
};

/// An item that was there before tables were kept in step, or that a new table lacks: it is given a version if it has
/// none, and sent on as it is.
struct AdoptWork {
  std::int64_t rank = 1;  ///< of two adopted items that differ the one of the higher rank wins
  /// As it was read a while ago: one that was written since has a record, which gives it a version.
  model::ItemDigest content{};
};

/// One write of an item.
enum class Write {
  kPut,    ///< `content()` with `marks()`
  kStamp,  ///< `marks()` for the content that is there; also the mark before an erasure
  kRaise,  ///< the version of `marks()` alone, so that the content stays without a hash: a later record is of it
  kErase,  ///< the marked item
};

/// What is to be done next about one key of one table, one request at a time. Everything is decided from what the table
/// holds at that moment (the item, the row of its tombstone) and from the record or message itself, by nothing that
/// must be remembered, so that a handler may be killed, run twice or forget everything between two records. docs/adr
/// 0010 says why it is right.
///
/// Pure: the caller does each step, and says what came of it. Not thread-safe.
class KeyWork {
 public:
  enum class Step {
    kReadTombstone,   ///< consistently; then `tombstone_is`
    kReadItem,        ///< consistently; then `item_is`
    kWriteTombstone,  ///< `burial()`, all of it or nothing; then `written`
    kWriteItem,       ///< `write()`, if the item is still as it was read; then `written`
    kWait,            ///< a local write of the item has no version yet: later, from the beginning
    kTryAgain,        ///< the item keeps changing: later, from the beginning
    kDone,            ///< `sent_on()` and `rule()` say with which result
  };

  explicit KeyWork(LocalWork work);
  explicit KeyWork(RemoteWork work);
  explicit KeyWork(AdoptWork work);

  [[nodiscard]] Step step() const { return step_; }

  void tombstone_is(std::optional<Tombstone> tombstone);
  void item_is(std::optional<ItemState> item);
  void written(bool condition_held);

  /// The item as it was read; nothing when there was none. It is the condition of `write()`.
  [[nodiscard]] const std::optional<ItemState>& item() const { return item_; }
  [[nodiscard]] Write write() const { return write_; }
  [[nodiscard]] const Marks& marks() const { return *marks_; }
  /// The content of kPut, without our attributes.
  [[nodiscard]] const std::string& content() const { return content_; }
  [[nodiscard]] const Burial& burial() const { return burial_; }

  /// To be noted before `write()` is done: then it is known of even if the process ends in between. A note is void if
  /// the condition fails and `holds_own_version` is not true in the end.
  [[nodiscard]] const std::optional<Conflict>& conflict() const { return conflict_; }
  /// The table's item is what this record or message has made of it.
  [[nodiscard]] bool holds_own_version() const;

  // ---- when done

  /// What other tables are to have: of a LocalWork.
  [[nodiscard]] const std::optional<Message>& sent_on() const { return sent_on_; }
  /// Why nothing of this record or message is to be written; empty when it was.
  [[nodiscard]] std::string_view rule() const { return rule_; }

 private:
  static constexpr int kMaxRounds = 8;

  void decide();
  void decide(const LocalWork& work);
  void decide_erased(const LocalWork& work);
  void decide_replicated(const LocalWork& work);
  void decide_removal(const LocalWork& work);
  void decide_expiry(const LocalWork& work);
  void decide_touched(const LocalWork& work);
  void decide_put(const LocalWork& work);
  void decide_absent(const LocalWork& work);
  void decide_erased_unseen(const LocalWork& work);
  void decide_clean(const LocalWork& work);
  void decide_unclean(const LocalWork& work);
  void decide(const RemoteWork& work);
  void decide(const AdoptWork& work);
  void decide_remote_put(const RemoteWork& work);
  void decide_remote_deletion(const RemoteWork& work);
  void decide_remote_absence(const RemoteWork& work);

  [[nodiscard]] std::optional<Version> base_for(const LocalWork& work) const;
  [[nodiscard]] Version version_for(const LocalWork& work) const;
  [[nodiscard]] bool has_later_write_than(const LocalWork& work) const;
  [[nodiscard]] bool is_dead() const;
  [[nodiscard]] bool needs_floor(const LocalWork& work) const;
  [[nodiscard]] bool bury_floor(const LocalWork& work, const Version& version);

  void done(std::string_view rule = {});
  [[nodiscard]] bool bury_erasure();
  void read_item() { step_ = Step::kReadItem; }
  void send_on(const LocalWork& work);
  void erase_dead();
  void write_item(Write write, Marks marks);
  void bury(Burial burial);
  void stamp(const LocalWork& work);
  void lost_to_tombstone(const Version& loser, std::string image);
  void note(Conflict conflict);

  std::variant<LocalWork, RemoteWork, AdoptWork> work_;
  Step step_ = Step::kReadTombstone;
  int rounds_ = 0;

  std::optional<Tombstone> tombstone_;  ///< as read
  bool item_known_ = false;
  std::optional<ItemState> item_;

  Write write_ = Write::kPut;
  std::optional<Marks> marks_;
  std::string content_;
  Burial burial_;
  bool closing_ = false;  ///< nothing is left but this burial
  bool applied_ = false;  ///< something of this record or message was written

  std::optional<Message> sent_on_;
  std::string_view rule_;
  std::optional<Conflict> conflict_;
};

}  // namespace dynamirror::multimaster
