// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "jobs/replication/shard_keeper.hpp"
#include "jobs/replication/shard_ledger.hpp"
#include "jobs/replication/shard_sync.hpp"
#include "sim/durable.hpp"
#include "sim/fleet.hpp"
#include "sim/state.hpp"

namespace dynamirror::sim {

/// A ShardKeeper whose every call is answered at once; what it does on a thread beside it happens in steps.
class Keeper : public jobs::ShardRights {
 public:
  struct Revocation {
    ShardId shard;
    bool wind_down = false;
  };

  [[nodiscard]] virtual jobs::JobResult<void> restore() = 0;
  [[nodiscard]] virtual bool wants_listing() const = 0;
  [[nodiscard]] virtual Status listed(std::span<const model::Shard> page, bool complete) = 0;
  [[nodiscard]] virtual std::vector<ordering::ShardGraph::Readable> take_readable() = 0;
  [[nodiscard]] virtual std::vector<Revocation> take_revoked() = 0;
  virtual void save(std::span<const jobs::SafeShard> shards) = 0;
  virtual void keep_time(std::span<const jobs::ReadUntil> shards) = 0;
  virtual void retire(const ShardId& shard) = 0;
  /// Whether its end is durable.
  [[nodiscard]] virtual bool retired(const ShardId& shard) const = 0;
  /// A step of what it does beside the job.
  [[nodiscard]] virtual Status act() = 0;
  [[nodiscard]] virtual bool all_saved() const = 0;
  /// The process is killed: what is under way may reach the disk, or some of it.
  virtual void die() = 0;
  [[nodiscard]] virtual Status given_back(const ShardId& shard, const std::optional<model::SequenceNumber>& safe) = 0;
  [[nodiscard]] virtual Status close(std::span<const jobs::SafeShard> shards,
                                     std::span<const ShardId> still_writing) = 0;
  [[nodiscard]] virtual bool all_started(std::size_t being_read) const = 0;
};

/// What LocalShards is, without waiting.
class AloneKeeper final : public Keeper {
 public:
  AloneKeeper(Store& store, const Clock& clock, Random& random, jobs::ShardLedger::Options options)
      : store_(store),
        random_(random),
        ledger_({.arn = kStream, .retention = std::chrono::hours(24)}, clock, options) {}

  [[nodiscard]] const ordering::ShardGraph& graph() const { return ledger_.graph(); }

  [[nodiscard]] jobs::JobResult<void> restore() override { return ledger_.restore(store_); }
  [[nodiscard]] bool wants_listing() const override { return ledger_.wants_listing(); }
  [[nodiscard]] Status listed(std::span<const model::Shard> page, bool complete) override {
    ledger_.listing_begins();
    ledger_.listed(page, complete, true);
    return {};
  }
  [[nodiscard]] std::vector<ordering::ShardGraph::Readable> take_readable() override { return ledger_.take_readable(); }
  [[nodiscard]] std::vector<Revocation> take_revoked() override { return {}; }
  void save(std::span<const jobs::SafeShard> shards) override { ledger_.save(shards); }
  void keep_time(std::span<const jobs::ReadUntil> shards) override { ledger_.keep_time(shards); }
  void retire(const ShardId& shard) override { ledger_.retire(shard, source::ChangeStream::Loss::kNone); }
  [[nodiscard]] bool retired(const ShardId& shard) const override { return !ledger_.retiring(shard); }
  [[nodiscard]] Status act() override {
    if (under_way_) return end_save();
    under_way_ = ledger_.begin_save();
    return {};
  }
  [[nodiscard]] bool all_saved() const override { return ledger_.all_saved(); }
  void die() override {
    if (!under_way_) return;
    store_.die(random_.below(5));
    (void)jobs::ShardLedger::carry_out(*under_way_, store_);
  }
  [[nodiscard]] Status given_back(const ShardId&, const std::optional<model::SequenceNumber>&) override { return {}; }
  [[nodiscard]] Status close(std::span<const jobs::SafeShard> shards, std::span<const ShardId>) override {
    ledger_.save(shards);
    if (auto saved = save_all(); !saved) return saved;
    ledger_.close();
    return save_all();
  }
  [[nodiscard]] bool all_started(std::size_t being_read) const override { return ledger_.all_started(being_read); }
  [[nodiscard]] bool promised(const ShardId& shard, const model::Checkpoint& reached) const override {
    return ledger_.promised(shard, reached);
  }
  [[nodiscard]] std::optional<SteadyTime> write_until(const ShardId&) const override { return kNoDeadline; }
  [[nodiscard]] bool shares() const override { return false; }

 private:
  [[nodiscard]] Status end_save() {
    auto saved = jobs::ShardLedger::carry_out(*std::exchange(under_way_, nullptr), store_);
    ledger_.save_ended(saved.has_value());
    return saved;
  }
  [[nodiscard]] Status save_all() {
    while (!ledger_.all_saved()) {
      if (!under_way_) under_way_ = ledger_.begin_save();
      if (auto saved = end_save(); !saved) return saved;
    }
    return {};
  }

  Store& store_;
  Random& random_;
  jobs::ShardLedger ledger_;
  std::shared_ptr<const jobs::ShardLedger::Save> under_way_;
};

/// What LeasedShards is, with a lease protocol that has no secrets. It learns late what it has lost.
class SharedKeeper final : public Keeper {
 public:
  SharedKeeper(Fleet& fleet, Fleet::Worker worker, Durable& durable, Witness& witness)
      : fleet_(fleet), worker_(worker), durable_(durable), witness_(witness) {}

  [[nodiscard]] jobs::JobResult<void> restore() override { return {}; }
  [[nodiscard]] bool wants_listing() const override { return !in_step_; }

  [[nodiscard]] Status listed(std::span<const model::Shard> page, bool complete) override {
    listing_.insert(listing_.end(), page.begin(), page.end());
    if (!complete) return {};
    std::vector<coordination::Lease> leases;
    for (const auto& [id, row] : durable_.rows) {
      coordination::Lease& lease =
          leases.emplace_back(coordination::Lease{.key = id.str(), .checkpoint = model::to_string(row.checkpoint)});
      for (const ShardId& parent : row.parents) lease.parents.push_back(parent.str());
    }
    const auto step = sync_.step(leases, std::exchange(listing_, {}));
    if (!step) return std::unexpected(step.error());
    for (const coordination::LeaseWrite& write : step->writes) apply(write);
    in_step_ = step->complete;
    return {};
  }

  [[nodiscard]] std::vector<ordering::ShardGraph::Readable> take_readable() override {
    std::vector<ordering::ShardGraph::Readable> readable;
    for (const ShardId& shard : fleet_.free()) {
      if (held_.contains(shard)) continue;
      const model::ShardCheckpoint& row = durable_.rows.at(shard);
      fleet_.take(worker_, shard);
      held_[shard] = {.until = *fleet_.renew(worker_, shard)};
      readable.push_back({.shard = shard, .from = row.checkpoint, .parents = row.parents});
    }
    return readable;
  }

  [[nodiscard]] std::vector<Revocation> take_revoked() override {
    std::vector<Revocation> revoked;
    for (auto at = held_.begin(); at != held_.end();) {
      const ShardId& shard = at->first;
      const auto until = fleet_.renew(worker_, shard);
      if (!until) {
        revoked.push_back({.shard = shard});
        at = held_.erase(at);
        continue;
      }
      at->second.until = *until;
      if (fleet_.wanted(shard) && !std::exchange(at->second.winds_down, true)) {
        revoked.push_back({.shard = shard, .wind_down = true});
      }
      ++at;
    }
    return revoked;
  }

  void save(std::span<const jobs::SafeShard> shards) override {
    for (const jobs::SafeShard& safe : shards) save(safe.shard, model::AfterSequence{safe.sequence});
  }
  void keep_time(std::span<const jobs::ReadUntil>) override {}
  void retire(const ShardId& shard) override {
    save(shard, model::ShardEnd{});
    let_go(shard);
    in_step_ = false;  // its children are wanted
  }
  [[nodiscard]] bool retired(const ShardId&) const override { return true; }
  [[nodiscard]] Status act() override { return {}; }
  [[nodiscard]] bool all_saved() const override { return true; }
  void die() override {}
  [[nodiscard]] Status given_back(const ShardId& shard, const std::optional<model::SequenceNumber>& safe) override {
    if (safe) save(shard, model::AfterSequence{*safe});
    let_go(shard);
    return {};
  }
  [[nodiscard]] Status close(std::span<const jobs::SafeShard> shards, std::span<const ShardId> still_writing) override {
    save(shards);
    for (const auto& [shard, grant] : held_) {
      if (std::ranges::find(still_writing, shard) == still_writing.end()) fleet_.release(worker_, shard);
    }
    return {};
  }

  /// What another worker holds may be a dead one's.
  [[nodiscard]] bool all_started(std::size_t being_read) const override {
    const auto held_or_done = [&](const auto& entry) {
      return held_.contains(entry.first) || std::holds_alternative<model::ShardEnd>(entry.second.checkpoint);
    };
    return in_step_ && held_.size() == being_read && std::ranges::all_of(durable_.rows, held_or_done);
  }
  [[nodiscard]] bool promised(const ShardId&, const model::Checkpoint&) const override { return true; }
  [[nodiscard]] std::optional<SteadyTime> write_until(const ShardId& shard) const override {
    const auto at = held_.find(shard);
    if (at == held_.end()) return std::nullopt;
    return at->second.until;
  }
  [[nodiscard]] bool shares() const override { return true; }

 private:
  struct Grant {
    SteadyTime until;
    bool winds_down = false;
  };

  void apply(const coordination::LeaseWrite& write) {
    if (write.kind == coordination::LeaseWrite::Kind::kDelete) return witness_.rows_deleted({ShardId(write.key)});
    if (write.kind != coordination::LeaseWrite::Kind::kCreate) return;
    model::ShardCheckpoint row{.shard = ShardId(write.key), .parents = {}, .checkpoint = model::TrimHorizon{}};
    for (const std::string& parent : write.parents) row.parents.emplace_back(parent);
    witness_.row_saved(row);
  }

  /// As the table does it: only the owner's writes count.
  void save(const ShardId& shard, model::Checkpoint checkpoint) {
    if (!held_.contains(shard) || !fleet_.holds(worker_, shard)) return;
    model::ShardCheckpoint row = durable_.rows.at(shard);
    row.checkpoint = std::move(checkpoint);
    witness_.row_saved(row);
  }

  void let_go(const ShardId& shard) {
    fleet_.release(worker_, shard);
    held_.erase(shard);
  }

  Fleet& fleet_;
  Fleet::Worker worker_;
  Durable& durable_;
  Witness& witness_;
  jobs::ShardSync sync_{ordering::ShardGraph::InitialPosition::kTrimHorizon};
  std::vector<model::Shard> listing_;  ///< pages of a pass that is not complete
  std::map<ShardId, Grant> held_;      ///< as this worker knows it
  bool in_step_ = false;
};

}  // namespace dynamirror::sim
