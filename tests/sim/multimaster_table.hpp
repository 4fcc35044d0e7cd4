// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "model/change.hpp"
#include "multimaster/key_work.hpp"

namespace dynamirror::sim {

/// A table of a simulated multi-master replication: its items, its stream, its tombstones, a clock that is off.
class MultimasterTable {
 public:
  MultimasterTable(std::size_t number, std::int64_t off) : origin_(1, static_cast<char>('a' + number)), off_(off) {}

  [[nodiscard]] const std::string& origin() const { return origin_; }
  void set_clock(std::int64_t off) { off_ = off; }
  [[nodiscard]] const std::vector<model::Change>& stream() const { return stream_; }
  [[nodiscard]] std::int64_t written_at(std::size_t place) const { return written_at_[place]; }
  [[nodiscard]] static std::size_t place_of(const model::SequenceNumber& sequence) {
    return std::stoull(std::string(sequence.text()));
  }
  [[nodiscard]] static std::string key_json(const std::string& key) { return R"({"id":{"S":")" + key + "\"}}"; }
  [[nodiscard]] static std::string key_of(const model::Change& change) {
    return std::string(change.key().substr(12, 2));
  }
  [[nodiscard]] static int id_of(const std::string& json) {
    const auto at = json.find(R"("c":{"N":")");
    return at == std::string::npos ? 0 : std::stoi(json.substr(at + 10));
  }

  /// An item that was there before there was a stream.
  void fill(const std::string& key, int id) { items_[key].json = content(key, id); }

  // ---- applications

  /// What a write was made on top of: an item of this write, and the version that the table showed for it.
  struct Below {
    int id = 0;
    std::optional<multimaster::Version> version{};
  };

  [[nodiscard]] const std::optional<std::string>& item(const std::string& key) { return items_[key].json; }

  Below put(const std::string& key, int id, std::int64_t now) {
    Below below = below_of(key);
    replace(key, content(key, id), now, false);
    return below;
  }
  /// `unseen`: by a condition that compares the attributes which were there before.
  Below update(const std::string& key, int id, std::int64_t now, bool unseen) {
    Below below = below_of(key);
    const auto& there = items_[key].json;
    if (!there) {
      replace(key, content(key, id), now, false);
      return below;
    }
    std::string json = *there;
    const auto at = json.find(R"("c":{"N":")");
    if (at == std::string::npos) {
      json.insert(1, R"("c":{"N":")" + std::to_string(id) + "\"},");
    } else {
      json.replace(at, json.find('}', at) + 1 - at, R"("c":{"N":")" + std::to_string(id) + "\"}");
    }
    replace(key, json, now, unseen);
    return below;
  }
  Below remove(const std::string& key, int id, std::int64_t now) {
    Below below = below_of(key);
    replace(key, std::nullopt, now, false);
    removed_[key] = {-id, std::nullopt};
    return below;
  }
  /// The table's own time to live.
  void expire(const std::string& key, std::int64_t now) {
    replace(key, std::nullopt, now, false);
    stream_.back().set_expiry();
  }
  void write_back(const std::string& key, const std::string& image, std::int64_t now) {
    replace(key, image, now, false);
  }
  [[nodiscard]] std::optional<std::string> some_image(const std::string& key, Random& random) const {
    if (stream_.empty()) return std::nullopt;
    const model::Change& change = stream_[random.below(stream_.size())];
    if (key_of(change) != key || change.image().empty()) return std::nullopt;
    return std::string(change.image());
  }

  // ---- the replicator

  [[nodiscard]] std::optional<multimaster::ItemState> state(const std::string& key) const {
    const auto entry = items_.find(key);
    if (entry == items_.end() || !entry->second.json) return std::nullopt;
    return *multimaster::read_state(*entry->second.json);
  }
  [[nodiscard]] std::optional<multimaster::Tombstone> tombstone(const std::string& key) const {
    const auto row = tombstones_.find(key);
    return row == tombstones_.end() ? std::nullopt : std::optional(row->second.tombstone);
  }

  bool bury(const std::string& key, const multimaster::Burial& burial, std::int64_t now) {
    const auto row = tombstones_.find(key);
    const bool there = row != tombstones_.end();
    if (burial.version && there && row->second.tombstone.version >= *burial.version) return false;
    const auto* floor = there && row->second.tombstone.floor ? &*row->second.tombstone.floor : nullptr;
    if (burial.floor && floor && floor->at >= burial.floor->at) return false;
    if (!there && !burial.version) return false;
    if (burial.version) {
      auto& buried = tombstones_.try_emplace(key, Row{{.version = *burial.version}, now}).first->second;
      buried.tombstone.version = *burial.version;
      buried.tombstone.base = burial.base;
      buried.written_at = now;
    }
    if (burial.floor) tombstones_.at(key).tombstone.floor = burial.floor;
    return true;
  }

  /// True when the item was still as the work has read it.
  bool write(const std::string& key, const multimaster::KeyWork& work, std::int64_t now) {
    Item& there = items_[key];
    const std::optional<std::string> seen = work.item() ? std::optional(work.item()->json) : std::nullopt;
    const bool overlooks = there.json != seen;
    if (overlooks && (!there.seen_as || there.seen_as != seen)) return false;
    using multimaster::Write;
    switch (work.write()) {
      case Write::kPut:
        replace(key, with_marks(work.content(), work.marks()), now, false);
        break;
      case Write::kStamp:
      case Write::kRaise:
        replace(key, marked(*there.json, work), now, false);
        if (overlooks) there.seen_as = marked(*seen, work);  // the attribute that nobody has read is still there
        break;
      case Write::kErase:
        removed_[key] = {0, multimaster::read_state(*there.json)->version};
        replace(key, std::nullopt, now, false);
        break;
    }
    return true;
  }

  void collect_tombstones(std::int64_t before) {
    std::erase_if(tombstones_, [&](const auto& row) { return row.second.written_at < before; });
  }

  // ---- for messages

  [[nodiscard]] std::string describe(const std::string& key) const {
    const auto there = state(key);
    if (!there) return "nothing";
    return "write " + std::to_string(id_of(there->json)) + (there->clean() ? "" : " unclean") +
           (there->deleted ? " marked" : "") + (there->version ? " " + there->version->text() : "");
  }
  [[nodiscard]] std::string describe() const {
    std::string text = origin_ + " off by " + std::to_string(off_ / 1000) + " ms:";
    for (const auto& [key, entry] : items_) text += " " + key + " " + describe(key);
    for (const auto& [key, row] : tombstones_) {
      text += " tombstone " + key + " " + row.tombstone.version.text();
      if (row.tombstone.floor) text += " floor " + row.tombstone.floor->version.text();
    }
    return text;
  }

 private:
  struct Item {
    std::optional<std::string> json{};
    std::optional<std::string> seen_as{};  ///< what a condition takes it for
  };
  struct Row {
    multimaster::Tombstone tombstone;
    std::int64_t written_at = 0;
  };

  [[nodiscard]] static std::string content(const std::string& key, int id) {
    return R"({"id":{"S":")" + key + R"("},"c":{"N":")" + std::to_string(id) + "\"}}";
  }

  /// The item as kStamp or kRaise leaves it.
  [[nodiscard]] static std::string marked(const std::string& json, const multimaster::KeyWork& work) {
    if (work.write() == multimaster::Write::kStamp) return multimaster::with_marks(json, work.marks());
    const auto state = *multimaster::read_state(json);
    return multimaster::with_marks(json,
                                   {.version = work.marks().version, .base = state.base, .deleted = state.deleted});
  }

  [[nodiscard]] Below below_of(const std::string& key) {
    const auto& there = items_[key].json;
    if (there) return {id_of(*there), multimaster::read_state(*there)->version};
    return removed_[key];
  }

  void replace(const std::string& key, std::optional<std::string> json, std::int64_t now, bool unseen) {
    Item& there = items_[key];
    if (there.json == json) return;
    const auto second = (now + off_) / 1'000'000 * 1'000'000;
    const auto number = model::SequenceNumber::of(stream_.size() + 1);
    model::Change change(key_json(key), json.value_or(""), number, WallTime(std::chrono::microseconds(second)));
    if (!there.json) change.set_kind(model::Change::Kind::kInsert);
    change.set_old_image(there.json.value_or(""));
    stream_.push_back(std::move(change));
    written_at_.push_back(now);
    there.seen_as = unseen ? there.json : std::nullopt;
    there.json = std::move(json);
  }

  std::string origin_;
  std::int64_t off_ = 0;
  std::map<std::string, Item> items_;
  std::map<std::string, Row> tombstones_;
  std::map<std::string, Below> removed_;  ///< what the last removal of the item was of
  std::vector<model::Change> stream_;
  std::vector<std::int64_t> written_at_;
};

}  // namespace dynamirror::sim
