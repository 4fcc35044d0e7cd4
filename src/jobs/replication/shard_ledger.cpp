// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/shard_ledger.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/log.hpp"
#include "base/text.hpp"
#include "jobs/replication/trim.hpp"

namespace dynamirror::jobs {
namespace {

/// The time of reading moves on in steps: each costs a write.
constexpr std::chrono::seconds kTimeStep{30};
/// The first page is not read the moment that the rows are.
constexpr std::chrono::minutes kAwayMargin{10};

/// Whether nothing in the row shows what a shard has lost since: neither is there a record to go on after.
bool names_no_record(const model::ShardCheckpoint& row) {
  return !std::holds_alternative<model::AfterSequence>(row.checkpoint) &&
         !std::holds_alternative<model::ShardEnd>(row.checkpoint);
}

bool has_ended(const model::ShardCheckpoint& row) { return std::holds_alternative<model::ShardEnd>(row.checkpoint); }

Status remove_rows(state::CheckpointStore& store, const StreamArn& stream) {
  const auto rows = store.load(stream);
  if (!rows) return std::unexpected(rows.error());
  std::vector<ShardId> shards;
  for (const model::ShardCheckpoint& row : *rows) shards.push_back(row.shard);
  return store.remove(stream, shards);
}

}  // namespace

ShardLedger::ShardLedger(Stream stream, state::CheckpointStore& store, const Clock& clock, Options options)
    : stream_(std::move(stream)), store_(store), clock_(clock), options_(options), listed_at_(clock.wall_now()) {}

JobResult<void> ShardLedger::restore() {
  auto rows = store_.load(stream_.arn);
  if (!rows) return job_failure(Reason::kState, std::move(rows.error()));
  fresh_start_ = rows->empty();
  if (fresh_start_) {
    if (auto checked = check_replaced_streams(); !checked) return checked;
  } else {
    if (auto checked = check_time_away(*rows); !checked) return checked;
  }
  for (const model::ShardCheckpoint& row : *rows) {
    parents_of_[row.shard] = row.parents;
    if (names_no_record(row)) read_until_[row.shard] = listed_at_;
  }
  graph_.emplace(options_.start, std::move(*rows));
  return {};
}

/// A stream that is turned off and on again is a new stream: what changed in between is in neither.
JobResult<void> ShardLedger::check_replaced_streams() {
  auto streams = store_.streams();
  if (!streams) return job_failure(Reason::kState, std::move(streams.error()));
  for (const StreamArn& old : *streams) {
    if (old == stream_.arn) continue;
    Error gap = replaced_stream(old, stream_.arn);
    if (options_.on_trim == ReplicateOptions::OnTrim::kStop) return job_failure(Reason::kTrimmed, std::move(gap));
    log::warning(to_line(gap));
    replaced_streams_.push_back(old);
    options_.start = ordering::ShardGraph::InitialPosition::kTrimHorizon;  // the start was an earlier stream's
  }
  return {};
}

/// A shard that is read from its oldest record never says that older ones are gone, and the children of a shard that
/// had ended may have come and gone. Where rows name a record, the service says so itself.
JobResult<void> ShardLedger::check_time_away(std::span<const model::ShardCheckpoint> rows) {
  const auto time = store_.read_until();
  if (!time) return job_failure(Reason::kState, time.error());
  saved_time_ = *time;
  if (!saved_time_) return {};  // a state file of an earlier version
  listed_at_ = *saved_time_;
  const bool unnoticed =
      std::any_of(rows.begin(), rows.end(), names_no_record) || std::all_of(rows.begin(), rows.end(), has_ended);
  if (!unnoticed || clock_.wall_now() - *saved_time_ < stream_.retention - kAwayMargin) return {};
  Error gap = away_too_long(stream_.arn, stream_.retention, *saved_time_, clock_.wall_now());
  if (options_.on_trim == ReplicateOptions::OnTrim::kStop) return job_failure(Reason::kTrimmed, std::move(gap));
  log::warning(to_line(gap));
  return {};
}

Status ShardLedger::keep_time(std::span<const ReadUntil> shards) {
  ReadingShards reading;
  for (const ReadUntil& shard : shards) reading[shard.shard] = &shard;
  std::unordered_set<ShardId> closed;
  for (const auto& [shard, parents] : parents_of_) closed.insert(parents.begin(), parents.end());
  for (auto& [shard, until] : read_until_) {
    const auto found = reading.find(shard);
    if (found == reading.end()) {
      until = std::max(until, begins_after(shard, reading));
    } else if (found->second->empty_until && !closed.contains(shard)) {
      // A shard from which something came stays where it is until that is safe; in one that is closed, old records may
      // follow any number of empty answers.
      until = std::max(until, *found->second->empty_until);
    }
  }
  return save_time();
}

/// A shard that waits holds nothing older than what its parent holds.
WallTime ShardLedger::begins_after(const ShardId& waiting, const ReadingShards& reading) const {
  WallTime time = WallTime::min();
  for (const ShardId& parent : parents_of_.at(waiting)) {
    const auto read = reading.find(parent);
    if (read != reading.end()) time = std::max(time, read->second->newest.value_or(time));
    const auto known = read_until_.find(parent);
    if (known != read_until_.end()) time = std::max(time, known->second);
  }
  return time;
}

/// The earliest time of all: one row holds the time of every shard.
Status ShardLedger::save_time() {
  WallTime time = listed_at_;
  for (const auto& [shard, until] : read_until_) time = std::min(time, until);
  if (saved_time_ && time < *saved_time_ + kTimeStep) return {};
  if (auto saved = store_.save_read_until(time); !saved) return saved;
  saved_time_ = time;
  return {};
}

void ShardLedger::listing_begins() {
  if (!listing_from_) listing_from_ = clock_.wall_now();
}

/// Everything that follows from a listing.
Status ShardLedger::listed(std::span<const model::Shard> shards, bool complete, bool enabled) {
  stream_enabled_ = enabled;
  graph_->observe(shards, complete);
  if (auto recorded = record_new_shards(); !recorded) return recorded;
  if (!complete) return {};
  listed_completely_ = true;
  roots_known_ = roots_known_ || !graph_->wants_listing();
  const WallTime from = std::exchange(listing_from_, std::nullopt).value_or(listed_at_);
  if (!graph_->wants_listing()) listed_at_ = from;
  return forget_old_shards();
}

/// Rows become durable before reading begins, so that a crash right after never takes a child for a new shard.
Status ShardLedger::record_new_shards() {
  std::vector<model::ShardCheckpoint> rows = graph_->take_new_rows();
  if (rows.empty()) return {};
  for (model::ShardCheckpoint& row : rows) {
    parents_of_[row.shard] = row.parents;
    if (fresh_start_ && !roots_known_) first_shards_.insert(row.shard);
    row.checkpoint = settled(row.shard, std::move(row.checkpoint));
    if (names_no_record(row)) read_until_[row.shard] = listed_at_;
  }
  log::info("new shards", {{"count", std::to_string(rows.size())}, {"first", rows.front().shard.str()}});
  // The first time is there before the first row: a row is never read again with the time of another stream, or none.
  if (!saved_time_) {
    if (auto saved = save_time(); !saved) return saved;
  }
  if (auto saved = store_.save(stream_.arn, rows); !saved) return saved;
  return forget_replaced_streams();
}

model::Checkpoint ShardLedger::settled(const ShardId& shard, model::Checkpoint from) const {
  return first_shards_.contains(shard) && std::holds_alternative<model::TrimHorizon>(from) ? stream_.beginning : from;
}

std::vector<ordering::ShardGraph::Readable> ShardLedger::take_readable() {
  auto readables = graph_->take_readable();
  for (ordering::ShardGraph::Readable& readable : readables) {
    readable.from = settled(readable.shard, std::move(readable.from));
  }
  return readables;
}

/// Not before this stream has rows: until then those of the old one are the only sign that there was a start before.
Status ShardLedger::forget_replaced_streams() {
  for (const StreamArn& old : std::exchange(replaced_streams_, {})) {
    if (auto removed = remove_rows(store_, old); !removed) return removed;
  }
  return {};
}

Status ShardLedger::forget_old_shards() {
  const std::vector<ShardId> shards = graph_->take_forgettable();
  if (shards.empty()) return {};
  if (auto removed = store_.remove(stream_.arn, shards); !removed) return removed;
  for (const ShardId& shard : shards) {
    parents_of_.erase(shard);
    read_until_.erase(shard);
  }
  return {};
}

Status ShardLedger::save(std::span<const SafeShard> shards) {
  std::vector<model::ShardCheckpoint> rows;
  for (const SafeShard& safe : shards) {
    rows.push_back(
        {.shard = safe.shard, .parents = parents_of_[safe.shard], .checkpoint = model::AfterSequence{safe.sequence}});
  }
  if (rows.empty()) return {};
  if (auto saved = store_.save(stream_.arn, rows); !saved) return saved;
  for (const SafeShard& safe : shards) {
    graph_->checkpointed(safe.shard, safe.sequence);
    read_until_.erase(safe.shard);
  }
  return {};
}

Status ShardLedger::retire(const ShardId& shard, source::ChangeStream::Loss lost) {
  const bool ended = lost != source::ChangeStream::Loss::kRecords;
  const model::Checkpoint last = ended ? model::Checkpoint(model::ShardEnd{}) : model::TrimHorizon{};
  const std::vector<model::ShardCheckpoint> row{{.shard = shard, .parents = parents_of_[shard], .checkpoint = last}};
  if (auto saved = store_.save(stream_.arn, row); !saved) return saved;
  read_until_.erase(shard);
  if (!ended) read_until_[shard] = clock_.wall_now() - stream_.retention;  // there is nothing older
  if (lost == source::ChangeStream::Loss::kNone) {
    graph_->finished(shard);
  } else {
    graph_->skip_trimmed(shard, lost == source::ChangeStream::Loss::kShard);
  }
  return {};
}

Status ShardLedger::close(std::span<const SafeShard> shards) {
  if (auto saved = save(shards); !saved) return saved;
  return saved_time_ ? save_time() : Status{};  // without one, nothing was listed
}

bool ShardLedger::promised(const ShardId& shard, const model::Checkpoint& reached) const {
  return !first_shards_.contains(shard) || !model::is_beginning(reached);
}

bool ShardLedger::all_started(std::size_t being_read) const {
  // A shard that has ended goes on in children, listed or not yet; only those of a stream that is off have none.
  if (!graph_ || (stream_enabled_ && graph_->wants_listing())) return false;
  return listed_completely_ && graph_->unfinished() == being_read;
}

std::size_t ShardLedger::waiting(std::size_t being_read) const {
  return graph_ ? graph_->unfinished() - being_read : 0;
}

}  // namespace dynamirror::jobs
