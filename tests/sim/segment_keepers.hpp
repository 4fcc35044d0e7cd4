// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "coordination/lease_worker.hpp"
#include "jobs/segments/segment_ledger.hpp"
#include "jobs/segments/shared_segments.hpp"
#include "sim/segment_world.hpp"
#include "sim/state.hpp"

namespace dynamirror::sim {

/// A SegmentKeeper whose every call is answered at once; what it does on a thread beside it happens in steps.
class SimSegmentKeeper {
 public:
  virtual ~SimSegmentKeeper() = default;
  [[nodiscard]] virtual Status start(jobs::SegmentWork& work) = 0;
  [[nodiscard]] virtual jobs::SegmentRights& rights() = 0;
  /// What it does by itself: one step.
  [[nodiscard]] virtual Status act() = 0;
  virtual void stop() = 0;
  [[nodiscard]] virtual Status close() = 0;
  /// The process is killed: what is under way may reach the disk.
  virtual void die() {}
  [[nodiscard]] virtual bool holds_any() const = 0;
  [[nodiscard]] virtual bool complete() const = 0;
};

/// The state file: what it answers "ok" to outlives the process.
class SimScanStore final : public state::ScanStore {
 public:
  explicit SimScanStore(SegmentWorld& world) : world_(world) {}

  [[nodiscard]] Result<std::optional<state::ScanJob>> load_scan() override { return world_.scan_job; }
  [[nodiscard]] Status save_scan(const state::ScanJob& job) override {
    if (fails()) return no_space("save");
    world_.scan_job = job;
    return {};
  }
  [[nodiscard]] Status save_segments(std::span<const state::ScanSegment> segments) override {
    if (fails()) return no_space("save");
    for (const state::ScanSegment& segment : segments) {
      world_.saved(segment.segment, segment.after_key_json, segment.done);
      *std::ranges::find(world_.scan_job->segments, segment.segment, &state::ScanSegment::segment) = segment;
    }
    return {};
  }
  [[nodiscard]] Status set_scan_phase(std::string_view) override { return {}; }
  [[nodiscard]] Status set_scan_spool(std::string_view) override { return {}; }
  [[nodiscard]] Status remove_scan() override { return {}; }

 private:
  [[nodiscard]] bool fails() { return world_.random.chance(world_.faults.store_fails); }

  SegmentWorld& world_;
};

/// What LocalSegments is, without waiting.
class AloneSegments final : public SimSegmentKeeper {
 public:
  explicit AloneSegments(SegmentWorld& world)
      : world_(world), store_(world), ledger_({.split = world.table.segments()}) {}

  [[nodiscard]] Status start(jobs::SegmentWork& work) override {
    if (auto restored = ledger_.restore(store_, world_.clock.wall_now()); !restored) {
      return std::unexpected(restored.error().error);
    }
    ledger_.start(work);
    return {};
  }
  [[nodiscard]] jobs::SegmentRights& rights() override { return ledger_; }
  [[nodiscard]] Status act() override {
    if (under_way_) return end_save();
    under_way_ = ledger_.begin_save();
    return {};
  }
  void stop() override { ledger_.stop(); }
  [[nodiscard]] Status close() override {
    while (!ledger_.all_saved()) {
      if (!under_way_) under_way_ = ledger_.begin_save();
      if (auto saved = end_save(); !saved) return saved;
    }
    return {};
  }
  void die() override {
    if (under_way_ && world_.random.chance(0.5)) (void)store_.save_segments(*under_way_);
  }
  [[nodiscard]] bool holds_any() const override { return ledger_.holds_any(); }
  [[nodiscard]] bool complete() const override { return ledger_.complete(); }

 private:
  [[nodiscard]] Status end_save() {
    auto saved = store_.save_segments(*std::exchange(under_way_, nullptr));
    ledger_.save_ended(saved.has_value());
    return saved;
  }

  SegmentWorld& world_;
  SimScanStore store_;
  jobs::SegmentLedger ledger_;
  std::shared_ptr<const jobs::SegmentLedger::Save> under_way_;
};

/// What LeasedSegments is: the real LeaseWorker, whose requests are answered one by one, in any order.
class SharedSegmentKeeper final : public SimSegmentKeeper, public jobs::SegmentRights {
 public:
  using Worker = coordination::LeaseWorker;

  SharedSegmentKeeper(SegmentWorld& world, const std::string& id, Duration failover)
      : world_(world),
        random_(world.random.next()),
        segments_(world.job, {.segments = world.table.segments()}, "the lease table"),
        worker_({.worker_id = id, .failover = failover}, random_, world.clock.steady_now()) {}

  [[nodiscard]] Status start(jobs::SegmentWork& work) override {
    segments_.start(work);
    return {};
  }
  [[nodiscard]] jobs::SegmentRights& rights() override { return *this; }
  void stop() override { worker_.stop(); }
  [[nodiscard]] Status close() override { return {}; }
  [[nodiscard]] bool holds_any() const override { return worker_.held() > 0; }
  [[nodiscard]] bool complete() const override { return segments_.complete(); }

  [[nodiscard]] Status act() override {
    if (world_.random.chance(0.5)) return look();
    if (auto told = tell(); !told) return told;
    for (Worker::Job& job : worker_.take_jobs(now())) {
      Request& request = requests_.emplace_back(Request{.job = std::move(job), .begun = now()});
      if (world_.random.chance(0.3)) reach(request);
    }
    if (auto told = tell(); !told) return told;
    for (std::size_t i = world_.random.below(4); i > 0 && !requests_.empty(); --i) answer_any();
    return tell();
  }

  void checkpoint(const source::SegmentPosition& safe) override {
    worker_.checkpoint(segments_.key_of(safe.segment), jobs::to_checkpoint(safe));
  }
  void finish(std::uint32_t segment) override { worker_.finish(segments_.key_of(segment), {}); }
  void give_back(std::uint32_t segment) override {
    segments_.given_back(segment);
    worker_.drained(segments_.key_of(segment));
  }
  [[nodiscard]] std::optional<SteadyTime> write_until(std::uint32_t segment) const override {
    return worker_.write_until(segments_.key_of(segment));
  }

 private:
  /// To the lease table.
  struct Request {
    Worker::Job job;
    SteadyTime begun;
    std::optional<bool> landed{};  ///< with or without its condition
  };

  [[nodiscard]] SteadyTime now() const { return world_.clock.steady_now(); }

  /// The table has it, though its answer is still on its way.
  void reach(Request& request) {
    const auto* write = std::get_if<Worker::Write>(&request.job.what);
    if (write == nullptr || request.landed || now() > write->not_after) return;
    request.landed = world_.write_lease(write->write);
  }

  void answer_any() {
    const auto chosen =
        std::next(requests_.begin(), static_cast<std::ptrdiff_t>(world_.random.below(requests_.size())));
    Request request = std::move(*chosen);
    requests_.erase(chosen);
    const bool fails = world_.random.chance(world_.faults.lease_lost);
    if (std::holds_alternative<Worker::Scan>(request.job.what)) {
      std::optional<coordination::LeaseRows> read;
      if (!fails) read = rows(std::get<Worker::Scan>(request.job.what).share);
      worker_.scanned(request.job.id, now(), read);
    } else if (const auto* get = std::get_if<Worker::Get>(&request.job.what)) {
      const auto row = world_.lease_rows.find(get->key);
      std::optional<coordination::Lease> lease;
      if (row != world_.lease_rows.end()) lease = row->second;
      worker_.got(request.job.id, now(), !fails, fails ? std::nullopt : lease);
    } else {
      answer_write(request, fails);
    }
  }

  void answer_write(Request& request, bool fails) {
    auto answer = Worker::Answer::kUnknown;
    const bool late = now() > std::get<Worker::Write>(request.job.what).not_after;
    if (!request.landed && (late || world_.random.chance(world_.faults.lease_throttled))) {
      if (!late || world_.random.chance(0.5)) answer = Worker::Answer::kNotSent;
    } else if (fails || late) {
      if (world_.random.chance(0.5)) reach(request);
    } else {
      reach(request);
      answer = *request.landed ? Worker::Answer::kDone : Worker::Answer::kConflict;
    }
    worker_.written(request.job.id, request.begun, now(), answer);
  }

  [[nodiscard]] coordination::LeaseRows rows(coordination::LeaseShare share) const {
    coordination::LeaseRows read;
    for (const auto& [key, lease] : world_.lease_rows) {
      if (coordination::in_share(key, share)) read.leases.push_back(lease);
    }
    return read;
  }

  [[nodiscard]] Status tell() {
    for (const Worker::Event& event : worker_.take_events()) {
      if (const auto* read = std::get_if<Worker::RowsRead>(&event)) {
        if (auto kept = take_rows({.leases = read->leases, .foreign = read->foreign}); !kept) return kept;
      } else if (const auto* granted = std::get_if<Worker::Granted>(&event)) {
        if (auto begun = segments_.granted(granted->lease); !begun) return begun;
      } else if (const auto* lost = std::get_if<Worker::Lost>(&event)) {
        segments_.lost(lost->key);
      } else if (const auto* wanted = std::get_if<Worker::WindDown>(&event)) {
        segments_.wind_down(wanted->key);
      } else if (const auto* finished = std::get_if<Worker::Finished>(&event)) {
        segments_.finished(finished->key);
      }
    }
    return {};
  }

  [[nodiscard]] Status take_rows(const coordination::LeaseRows& rows) {
    auto missing = segments_.rows_read(rows);
    if (!missing) return std::unexpected(missing.error());
    if (!missing->empty()) worker_.maintain(std::move(*missing));
    return {};
  }

  /// Who has nothing to do looks whether all is done.
  [[nodiscard]] Status look() {
    if (complete() || segments_.holds_any()) return {};
    return take_rows(rows({}));
  }

  SegmentWorld& world_;
  Random random_;
  jobs::SharedSegments segments_;
  Worker worker_;
  std::list<Request> requests_;
};

}  // namespace dynamirror::sim
