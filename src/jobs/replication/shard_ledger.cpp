// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/shard_ledger.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>
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

bool has_new_row(const ShardLedger::Save& save, const ShardId& shard) {
  const auto row = save.rows.find(shard);
  return row != save.rows.end() && row->second.is_new;
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

ShardLedger::ShardLedger(Stream stream, const Clock& clock, Options options)
    : stream_(std::move(stream)),
      clock_(clock),
      options_(options),
      waiting_{.stream = stream_.arn},
      listed_at_(clock.wall_now()) {}

JobResult<void> ShardLedger::restore(state::CheckpointStore& store) {
  auto rows = store.load(stream_.arn);
  if (!rows) return job_failure(Reason::kState, std::move(rows.error()));
  fresh_start_ = rows->empty();
  if (fresh_start_) {
    if (auto checked = check_replaced_streams(store); !checked) return checked;
  } else {
    if (auto checked = check_time_away(*rows, store); !checked) return checked;
  }
  for (const model::ShardCheckpoint& row : *rows) {
    parents_of_[row.shard] = row.parents;
    if (names_no_record(row)) read_until_[row.shard] = listed_at_;
  }
  graph_.emplace(options_.start, std::move(*rows));
  return {};
}

/// A stream that is turned off and on again is a new stream: what changed in between is in neither.
JobResult<void> ShardLedger::check_replaced_streams(state::CheckpointStore& store) {
  auto streams = store.streams();
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
JobResult<void> ShardLedger::check_time_away(std::span<const model::ShardCheckpoint> rows,
                                             state::CheckpointStore& store) {
  const auto time = store.read_until();
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

void ShardLedger::keep_time(std::span<const ReadUntil> shards) {
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
  save_time();
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
void ShardLedger::save_time() {
  WallTime time = listed_at_;
  for (const auto& [shard, until] : read_until_) time = std::min(time, until);
  if (saved_time_ && time < *saved_time_ + kTimeStep) return;
  waiting_.read_until = saved_time_ = time;
}

void ShardLedger::listing_begins() {
  if (!listing_from_) listing_from_ = clock_.wall_now();
}

/// Everything that follows from a listing.
void ShardLedger::listed(std::span<const model::Shard> shards, bool complete, bool enabled) {
  stream_enabled_ = enabled;
  graph_->observe(shards, complete);
  record_new_shards();
  if (!complete) return;
  listed_completely_ = true;
  roots_known_ = roots_known_ || !graph_->wants_listing();
  const WallTime from = std::exchange(listing_from_, std::nullopt).value_or(listed_at_);
  if (!graph_->wants_listing()) listed_at_ = from;
  std::ranges::move(graph_->take_forgettable(), std::back_inserter(waiting_.forgotten));
}

/// Rows become durable before reading begins, so that a crash right after never takes a child for a new shard.
void ShardLedger::record_new_shards() {
  std::vector<model::ShardCheckpoint> rows = graph_->take_new_rows();
  if (rows.empty()) return;
  log::info("new shards", {{"count", std::to_string(rows.size())}, {"first", rows.front().shard.str()}});
  for (model::ShardCheckpoint& row : rows) {
    parents_of_[row.shard] = row.parents;
    if (fresh_start_ && !roots_known_) first_shards_.insert(row.shard);
    row.checkpoint = settled(row.shard, std::move(row.checkpoint));
    if (names_no_record(row)) read_until_[row.shard] = listed_at_;
    const ShardId shard = row.shard;
    waiting_.rows.insert_or_assign(shard, Row{.row = std::move(row), .is_new = true});
  }
  // The first time is there before the first row: a row is never read again with the time of another stream, or none.
  if (!saved_time_) save_time();
  // Not before this stream has rows: until then those of the old one are the only sign that there was a start before.
  std::ranges::move(std::exchange(replaced_streams_, {}), std::back_inserter(waiting_.replaced));
}

model::Checkpoint ShardLedger::settled(const ShardId& shard, model::Checkpoint from) const {
  return first_shards_.contains(shard) && std::holds_alternative<model::TrimHorizon>(from) ? stream_.beginning : from;
}

std::vector<ShardLedger::Readable> ShardLedger::take_readable() {
  std::ranges::move(graph_->take_readable(), std::back_inserter(readable_));
  std::vector<Readable> readables;
  for (Readable& readable : std::exchange(readable_, {})) {
    const ShardId& shard = readable.shard;
    if (has_new_row(waiting_, shard) || (under_way_ && has_new_row(*under_way_, shard))) {
      readable_.push_back(std::move(readable));
      continue;
    }
    readable.from = settled(shard, std::move(readable.from));
    readables.push_back(std::move(readable));
  }
  return readables;
}

void ShardLedger::save(std::span<const SafeShard> shards) {
  for (const SafeShard& safe : shards) {
    assert(!retiring(safe.shard));
    Row row{.row = {.shard = safe.shard,
                    .parents = parents_of_[safe.shard],
                    .checkpoint = model::AfterSequence{safe.sequence}}};
    waiting_.rows.insert_or_assign(safe.shard, std::move(row));
  }
}

void ShardLedger::retire(const ShardId& shard, source::ChangeStream::Loss lost) {
  const bool ended = lost != source::ChangeStream::Loss::kRecords;
  const model::Checkpoint last = ended ? model::Checkpoint(model::ShardEnd{}) : model::TrimHorizon{};
  Row row{.row = {.shard = shard, .parents = parents_of_[shard], .checkpoint = last}, .over = lost};
  waiting_.rows.insert_or_assign(shard, std::move(row));
}

bool ShardLedger::retiring(const ShardId& shard) const {
  const auto retires = [&](const Save& save) {
    const auto row = save.rows.find(shard);
    return row != save.rows.end() && row->second.over.has_value();
  };
  return retires(waiting_) || (under_way_ && retires(*under_way_));
}

void ShardLedger::close() {
  if (saved_time_) save_time();  // without one, nothing was listed
}

// ---- what is to be made durable

std::shared_ptr<const ShardLedger::Save> ShardLedger::begin_save() {
  if (under_way_ || waiting_.empty()) return nullptr;
  under_way_ = std::make_shared<const Save>(std::exchange(waiting_, {.stream = stream_.arn}));
  return under_way_;
}

void ShardLedger::save_ended(bool durable) {
  const auto save = std::exchange(under_way_, nullptr);
  if (durable) {
    for (const auto& [shard, row] : save->rows) row_is_durable(row);
    for (const ShardId& shard : save->forgotten) {
      parents_of_.erase(shard);
      read_until_.erase(shard);
    }
    return;
  }
  if (!waiting_.read_until) waiting_.read_until = save->read_until;
  waiting_.rows.insert(save->rows.begin(), save->rows.end());  // where no newer row waits
  waiting_.replaced.insert(waiting_.replaced.end(), save->replaced.begin(), save->replaced.end());
  waiting_.forgotten.insert(waiting_.forgotten.begin(), save->forgotten.begin(), save->forgotten.end());
}

void ShardLedger::row_is_durable(const Row& row) {
  const ShardId& shard = row.row.shard;
  if (row.is_new) return;
  read_until_.erase(shard);
  if (!row.over) {
    graph_->checkpointed(shard, std::get<model::AfterSequence>(row.row.checkpoint).sequence);
  } else if (row.over == source::ChangeStream::Loss::kNone) {
    graph_->finished(shard);
  } else {
    const bool gone = row.over == source::ChangeStream::Loss::kShard;
    if (!gone) read_until_[shard] = clock_.wall_now() - stream_.retention;  // there is nothing older
    graph_->skip_trimmed(shard, gone);
  }
}

Status ShardLedger::carry_out(const Save& save, state::CheckpointStore& store) {
  if (save.read_until) {
    if (auto saved = store.save_read_until(*save.read_until); !saved) return saved;
  }
  if (!save.rows.empty()) {
    std::vector<model::ShardCheckpoint> rows;
    for (const auto& [shard, row] : save.rows) rows.push_back(row.row);
    if (auto saved = store.save(save.stream, rows); !saved) return saved;
  }
  for (const StreamArn& old : save.replaced) {
    if (auto removed = remove_rows(store, old); !removed) return removed;
  }
  return save.forgotten.empty() ? Status{} : store.remove(save.stream, save.forgotten);
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
  // One whose end has just become durable may be among those being read for a moment.
  return graph_ && graph_->unfinished() > being_read ? graph_->unfinished() - being_read : 0;
}

}  // namespace dynamirror::jobs
