// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/leased_shards.hpp"

#include <algorithm>
#include <utility>

#include "async/retry.hpp"
#include "async/sleep.hpp"
#include "base/log.hpp"
#include "jobs/fleet/lease_lag.hpp"
#include "jobs/replication/earlier_stream.hpp"
#include "jobs/replication/trim.hpp"
#include "pipeline/pipeline.hpp"

namespace dynamirror::jobs {
namespace {

using coordination::Lease;
using coordination::LeaseWorker;

/// The service lists the children of a shard soon after its end.
constexpr async::RetryPolicy kChildLookups{
    .max_attempts = 10,
    .backoff = {.base = std::chrono::milliseconds(100), .cap = std::chrono::milliseconds(2'000)},
    .give_up_after = std::nullopt};
/// To give leases away at the end.
constexpr std::chrono::seconds kCloseTime{3};
/// A fleet of KCL 3.x that starts beside us makes the table in which it says so some time after its start.
constexpr std::chrono::minutes kFirstMinutes{3};
constexpr int kChecksAsOftenAtFirst = 12;

std::vector<Lease> children_in(const source::ShardLister::Listing& listing, const ShardId& shard) {
  std::vector<Lease> children;
  for (const model::Shard& listed : listing.shards) {
    if (std::ranges::find(listed.parents, shard) == listed.parents.end()) continue;
    Lease& child = children.emplace_back(listed.id.str());
    child.checkpoint = model::to_string(model::TrimHorizon{});
    for (const ShardId& parent : listed.parents) child.parents.push_back(parent.str());
    child.hash_keys = listed.hash_keys;
  }
  return children;
}

/// A child of a merge is left to ShardSync where its other parent, which is still in the stream, has no lease yet: with
/// a parent that has none it would be read at once.
void leave_early_children(std::vector<Lease>& children, const std::vector<Lease>& rows,
                          const source::ShardLister::Listing& listing, const ShardId& shard) {
  std::unordered_set<std::string> without_lease;
  for (const model::Shard& listed : listing.shards) without_lease.insert(listed.id.str());
  for (const Lease& row : rows) without_lease.erase(row.key);
  without_lease.erase(shard.str());
  std::erase_if(children, [&](const Lease& child) {
    return std::ranges::any_of(child.parents,
                               [&](const std::string& parent) { return without_lease.contains(parent); });
  });
}

}  // namespace

LeasedShards::LeasedShards(const source::ChangeStream& stream, Parts parts, const ReplicateOptions& job,
                           Options options)
    : stream_(stream),
      store_(parts.store),
      clock_(parts.clock),
      random_(parts.random),
      job_(job),
      options_(std::move(options)),
      runner_(options_.worker, parts,
              {.event = [this](LeaseWorker::Event event) { take(std::move(event)); },
               .failure =
                   [this](Error error) {
                     const Reason reason = reason_for(error);
                     fail(reason, std::move(error));
                   }}),
      keeping_(parts.executor),
      lister_(stream, random_, {}),
      sync_(job.start),
      begun_(clock_.steady_now()),
      listed_at_(begun_) {}

void LeasedShards::start(Reading& reading, async::TaskGroup& finding) {
  reading_ = &reading;
  keeping_.spawn(runner_.run());
  finding.spawn(keep_in_step());
  if (options_.check_table) finding.spawn(keep_checking());
}

void LeasedShards::fail(Reason reason, Error error) {
  failed_ = true;
  reading_->fail({reason, std::move(error)});
}

// ---- leases

void LeasedShards::take(LeaseWorker::Event event) {
  if (auto* granted = std::get_if<LeaseWorker::Granted>(&event)) {
    begin(granted->lease);
  } else if (auto* lost = std::get_if<LeaseWorker::Lost>(&event)) {
    runner_.warn_of_loss("shard", *lost);
    granted_.erase(lost->key);
    if (const auto at = finishing_.find(lost->key); at != finishing_.end()) at->second = true;
    reading_->revoke(ShardId(lost->key), false);
  } else if (auto* wanted = std::get_if<LeaseWorker::WindDown>(&event)) {
    log::info("lease is handed over", {{"shard", wanted->key}});
    reading_->revoke(ShardId(wanted->key), true);
  } else if (auto* finished = std::get_if<LeaseWorker::Finished>(&event)) {
    granted_.erase(finished->key);
    if (const auto at = finishing_.find(finished->key); at != finishing_.end()) at->second = true;
  } else {
    learn(std::move(std::get<LeaseWorker::RowsRead>(event).leases));
    rows_are_new_ = true;
    rows_read_.notify();
  }
}

bool LeasedShards::is_early() const { return clock_.steady_now() - begun_ < kFirstMinutes; }

bool LeasedShards::is_anothers(const Lease& row) const {
  return !row.done() && !row.owner.empty() && row.owner != options_.worker.worker_id;
}

void LeasedShards::learn(Rows rows) {
  std::unordered_map<std::string, std::string> owners;
  for (const Lease& row : rows_) owners.emplace(row.key, row.owner);
  std::unordered_map<std::string, Lease> silent;
  std::unordered_map<std::string, std::string> behind;
  for (const Lease& row : rows) {
    if (!is_anothers(row)) continue;
    const auto asked = behind_.find(row.key);
    if (asked != behind_.end() && asked->second == row.checkpoint) behind.insert(*asked);
    const auto before = owners.find(row.key);
    const bool known = before != owners.end() && before->second == row.owner;
    const auto waiting = silent_.find(row.key);
    if (!known || (waiting != silent_.end() && waiting->second.counter == row.counter)) silent.emplace(row.key, row);
  }
  silent_ = std::move(silent);
  behind_ = std::move(behind);
  rows_ = std::move(rows);
}

void LeasedShards::begin(const Lease& lease) {
  auto checkpoint = model::parse_checkpoint(lease.checkpoint);
  if (!checkpoint) {
    fail(Reason::kState, std::move(checkpoint.error()));
    return;
  }
  log::info("lease acquired", {{"shard", lease.key}, {"from", lease.checkpoint}});
  granted_[lease.key] = ++last_grant_;
  check_at_once_ = is_early();
  if (check_at_once_) check_due_.notify();
  std::vector<ShardId> parents;
  for (const std::string& parent : lease.parents) parents.emplace_back(parent);
  // LATEST is a moment that passes: the next owner must not begin at a later one.
  if (std::holds_alternative<model::Latest>(*checkpoint)) {
    runner_.checkpoint_now(lease.key, model::to_string(model::TrimHorizon{}));
  }
  reading_->start({.shard = ShardId(lease.key), .from = std::move(*checkpoint), .parents = std::move(parents)});
}

void LeasedShards::save(std::span<const SafeShard> shards) {
  for (const SafeShard& safe : shards) runner_.checkpoint(safe.shard.str(), safe.sequence.str());
}

void LeasedShards::given_back(const ShardId& shard, const std::optional<model::SequenceNumber>& safe) {
  if (safe) runner_.checkpoint(shard.str(), safe->str());
  granted_.erase(shard.str());
  runner_.drained(shard.str());
}

async::Task<Status> LeasedShards::retire(ShardId shard, source::ChangeStream::Loss lost) {
  const std::string key = shard.str();
  if (lost == source::ChangeStream::Loss::kRecords) {
    runner_.checkpoint(key, model::to_string(model::TrimHorizon{}));
    if (granted_.contains(key)) reading_->start({.shard = shard, .from = model::TrimHorizon{}, .parents = {}});
    co_return Status{};
  }
  std::vector<Lease> children;
  const std::uint64_t grant = grant_of(key);
  if (lost == source::ChangeStream::Loss::kNone) children = co_await find_children(shard);
  // Lost meanwhile, perhaps ours anew: whoever reads it from its checkpoint ends it again.
  if (grant == 0 || grant_of(key) != grant) co_return Status{};
  finishing_.emplace(key, false);
  runner_.finish(key, std::move(children));
  while (!finishing_.at(key)) co_await runner_.changed().wait();
  finishing_.erase(key);
  co_return Status{};
}

async::Task<std::vector<Lease>> LeasedShards::find_children(ShardId shard) {
  async::Retry retry(kChildLookups, random_);
  std::vector<Lease> children;
  while (!failed_) {  // as often as kChildLookups says
    const auto listing = co_await list();
    if (listing) children = children_in(*listing, shard);
    if (!children.empty()) {
      leave_early_children(children, rows_, *listing, shard);
      break;
    }
    if (listing && !listing->stream_enabled) break;  // a stream that is off ends here
    const bool again = co_await retry.again();
    if (!again) break;
  }
  co_return children;
}

async::Task<Status> LeasedShards::close(std::span<const SafeShard> shards, std::span<const ShardId> still_writing) {
  for (const SafeShard& safe : shards) runner_.checkpoint_now(safe.shard.str(), safe.sequence.str());
  runner_.stop();
  std::size_t kept = 0;
  for (const auto& [key, grant] : granted_) {
    // A write that was given up may still land: until the lease's time is over, nobody else may begin.
    const bool unsettled = std::ranges::find(still_writing, ShardId(key)) != still_writing.end();
    kept += unsettled ? 1 : 0;
    if (!unsettled) runner_.drained(key);
  }
  const SteadyTime deadline = clock_.steady_now() + kCloseTime;
  while (runner_.held() > kept) {
    const Duration left = deadline - clock_.steady_now();
    if (left <= Duration::zero()) {
      log::warning("leases could not be given up; others take them when their time is over",
                   {{"leases", std::to_string(runner_.held())}, {"trouble", runner_.last_trouble()}});
      break;
    }
    co_await runner_.changed().wait_for(left);
  }
  keeping_.cancel();
  co_await keeping_.join();
  co_await runner_.abandon();
  co_return Status{};
}

std::uint64_t LeasedShards::grant_of(const std::string& key) const {
  const auto at = granted_.find(key);
  return at == granted_.end() ? 0 : at->second;
}

// ---- shards

/// A complete listing, or nothing: then another attempt is due (or the job has failed).
async::Task<std::optional<source::ShardLister::Listing>> LeasedShards::list() {
  const auto turn = co_await listing_turn_.acquire();
  auto found = co_await lister_.list();
  if (!found) {
    fail(reason_for(found.error()), std::move(found.error()));
    co_return std::nullopt;
  }
  if (!found->complete) co_return std::nullopt;
  listed_at_ = clock_.steady_now();
  co_return std::move(*found);
}

async::Task<> LeasedShards::keep_in_step() {
  SteadyTime next = clock_.steady_now();
  while (!failed_) {
    while (!rows_are_new_ || clock_.steady_now() < next) {
      const Duration pause = std::max<Duration>(next - clock_.steady_now(), std::chrono::milliseconds(10));
      co_await rows_read_.wait_for(rows_are_new_ ? pause : job_.list_shards_interval);
    }
    const auto listing = co_await list();
    bool settled = listing.has_value();
    if (settled) settled = co_await fits(*listing);
    settled = settled && bring_in_step(*listing);
    next = clock_.steady_now() + (settled ? job_.list_shards_interval : std::chrono::milliseconds(300));
  }
}

/// False when the job has failed: the leases are of an earlier stream of this name.
async::Task<bool> LeasedShards::fits(const source::ShardLister::Listing& listing) {
  std::optional<std::string> foreign = checkpoint_before_its_shard(rows_, listing.shards);
  for (const ShardId& shard : finished_but_open(rows_, listing.shards)) {
    if (foreign || closed_.contains(shard)) continue;
    const bool open = co_await goes_on(stream_, random_, shard);
    if (open) foreign = shard.str();
    if (!open) closed_.insert(shard);
  }
  if (!foreign) co_return true;
  fail(Reason::kTrimmed, lease_of_earlier_stream(*foreign, store_.describe()));
  co_return false;
}

/// True when nothing was missing.
bool LeasedShards::bring_in_step(const source::ShardLister::Listing& listing) {
  auto step = sync_.step(rows_, listing.shards);
  if (!step) {
    fail(Reason::kState, std::move(step.error()));
    return false;
  }
  const std::string beginning = model::to_string(stream_.beginning());
  for (coordination::LeaseWrite& write : step->writes) {
    if (write.kind != coordination::LeaseWrite::Kind::kCreate) continue;
    if (write.checkpoint == model::to_string(model::TrimHorizon{})) write.checkpoint = beginning;
    if (rows_.empty()) first_shards_.insert(ShardId(write.key));
  }
  // Shards of a stream that is off end without children, for which a listing would be waited for ever.
  const bool settled = step->complete || (!listing.stream_enabled && step->writes.empty());
  rows_are_new_ = step->writes.empty() && !settled;  // the same rows do for a second listing
  in_step_ = settled;
  if (!step->writes.empty()) {
    log::info("leases brought in step with the stream's shards", {{"writes", std::to_string(step->writes.size())}});
    runner_.maintain(std::move(step->writes));
  }
  const bool all_done = !rows_.empty() && std::ranges::all_of(rows_, &Lease::done);
  if (settled && !listing.stream_enabled && all_done && !job_.stop_when_caught_up) {
    fail(Reason::kNotReady, stream_turned_off(stream_.arn()));
  }
  return settled;
}

async::Task<> LeasedShards::keep_checking() {
  while (!failed_) {
    const Duration pause = is_early() ? options_.check_interval / kChecksAsOftenAtFirst : options_.check_interval;
    if (!check_at_once_) (void)co_await check_due_.wait_for(pause);
    check_at_once_ = false;
    auto usable = co_await options_.check_table();
    if (usable || usable.error().retryable()) continue;
    const Reason reason = reason_for(usable.error());
    fail(reason, std::move(usable.error()));
  }
}

async::Task<bool> LeasedShards::refresh() {
  const auto found = co_await store_.scan({});
  if (!found) co_return false;
  const auto listing = co_await list();
  if (!listing) co_return false;
  learn(found->leases);
  if (!bring_in_step(*listing) || !behind_.empty()) co_return false;
  co_return co_await others_caught_up();
}

/// What others have applied shows only in their checkpoints, and what they have not only in the stream.
async::Task<bool> LeasedShards::others_caught_up() {
  LeaseReport others;
  for (const Lease& row : rows_) {
    if (is_anothers(row)) others.leases.push_back({.lease = row});
  }
  const LagParts parts{stream_, clock_, random_};
  co_await measure_lags(parts, others);
  for (const LeaseLine& line : others.leases) {
    const auto kind = line.lag ? line.lag->kind : LeaseLag::Kind::kUnknown;
    if (kind == LeaseLag::Kind::kCaughtUp) continue;
    behind_.emplace(line.lease.key, kind == LeaseLag::Kind::kBehind ? line.lease.checkpoint : "");
    log::debug("another worker has not caught up", {{"shard", line.lease.key}, {"worker", line.lease.owner}});
  }
  co_return behind_.empty();
}

bool LeasedShards::promised(const ShardId& shard, const model::Checkpoint& reached) const {
  return !first_shards_.contains(shard) || !model::is_beginning(reached);
}

std::optional<SteadyTime> LeasedShards::write_until(const ShardId& shard) const {
  return runner_.write_until(shard.str());
}

std::size_t LeasedShards::waiting(std::size_t being_read) const {
  const auto ours = static_cast<std::size_t>(std::ranges::count_if(rows_, [&](const Lease& row) {
    return !row.done() && (row.owner.empty() || row.owner == options_.worker.worker_id);
  }));
  return ours - std::min(ours, being_read);
}

/// What other workers own is theirs to finish, if they live; `refresh` asks whether they have.
bool LeasedShards::all_started(std::size_t being_read) const {
  return in_step_ && !rows_.empty() && silent_.empty() && behind_.empty() && waiting(being_read) == 0 &&
         granted_.size() == being_read && runner_.held() == being_read;
}

std::optional<Error> LeasedShards::stalled(SteadyTime now, Duration limit) {
  if (now - runner_.last_answer() > limit) {
    return nothing_moves("keep leases in", store_.describe(), limit, runner_.last_trouble());
  }
  const bool due = rows_are_new_ && now - listed_at_ > job_.list_shards_interval;
  if (due && now - listed_at_ > job_.list_shards_interval + limit) {
    return nothing_moves("list shards of", stream_.arn().str(), limit, lister_.last_trouble());
  }
  return std::nullopt;
}

}  // namespace dynamirror::jobs
