// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "jobs/replication/replication_impl.hpp"

namespace dynamirror::jobs {
namespace {

std::string where(const model::Checkpoint& checkpoint) {
  return std::holds_alternative<model::AfterSequence>(checkpoint) ? "after " + model::to_string(checkpoint)
                                                                  : "from its first record on";
}

}  // namespace

void Replication::Impl::start(ordering::ShardGraph::Readable readable) {
  if (shutting_down) return;
  const source::ShardReader::Context context{parts.stream, slots, parts.clock, parts.random};
  log::debug("reading shard", {{"shard", readable.shard.str()}, {"from", model::to_string(readable.from)}});
  active.push_back(
      {.id = readable.shard,
       .from = readable.from,
       .handle = pipeline.add_shard(),
       .reader = source::ShardReader(context, readable.shard, readable.from, {.idle_poll = options.idle_poll}),
       .pushed = {},
       .newest = {},
       .saved = {},
       .asked_at = parts.clock.steady_now()});
  const ActiveShard& shard = active.back();
  if (of_handle.size() <= shard.handle) of_handle.resize(shard.handle + 1);
  of_handle[shard.handle] = &shard;
  reading.spawn(read_shard(active.back()));
}

void Replication::Impl::revoke(const ShardId& id, bool wind_down) {
  for (ActiveShard& shard : active) {
    if (shard.id == id && shard.revoked != Revoked::kLost) {
      shard.revoked = wind_down ? Revoked::kWindDown : Revoked::kLost;
    }
  }
  pipeline.wake_writers();  // what waits to be written is released
  pipeline.room().notify();
}

const Replication::Impl::ActiveShard* Replication::Impl::find(Pipeline::ShardHandle handle) const {
  return handle < of_handle.size() ? of_handle[handle] : nullptr;
}

std::optional<SteadyTime> Replication::Impl::write_permit(Pipeline::ShardHandle handle) const {
  const ActiveShard* shard = find(handle);
  if (shard == nullptr || shard->revoked == Revoked::kLost) return std::nullopt;
  return shards.write_until(shard->id);
}

/// REQUIRES: `shard` stays in `active` until this ends; it is removed as the last act.
async::Task<> Replication::Impl::read_shard(ActiveShard& shard) {
  const std::optional<Error> trouble = co_await read_to_end(shard);
  if (ending.failure()) co_return;
  if (shard.revoked == Revoked::kNo && trouble && !may_skip(shard, *trouble)) co_return;
  // The end of a shard is the one barrier: its children may hold later changes of the same keys, and another process
  // may be the one to read them.
  while (pipeline.outstanding(shard.handle) > 0) co_await pipeline.settled().wait();
  if (shard.revoked == Revoked::kNo) {
    co_await retire(shard, trouble ? parts.stream.loss(*trouble) : source::ChangeStream::Loss::kNone);
    co_return;
  }
  const std::optional<model::SequenceNumber> safe = pipeline.safe(shard.handle);
  const bool wound_down = shard.revoked == Revoked::kWindDown;
  const ShardId id = shard.id;
  remove(shard);
  if (wound_down) shards.given_back(id, safe);
}

/// Nothing when the shard has been read to its end (or the job has failed); otherwise why it cannot be read on.
async::Task<std::optional<Error>> Replication::Impl::read_to_end(ActiveShard& shard) {
  while (!shard.ended && shard.revoked == Revoked::kNo) {
    shard.waits_for_room = true;
    while (!pipeline.has_room() && shard.revoked == Revoked::kNo) co_await pipeline.room().wait();
    shard.waits_for_room = false;
    shard.asked_at = parts.clock.steady_now();

    auto page = co_await shard.reader.next();
    if (shard.revoked != Revoked::kNo) co_return std::nullopt;
    if (!page) co_return std::move(page.error());
    shard.empty_answers = page->empty_answers;
    shard.ended = page->shard_ended;
    if (!push_page(shard, std::move(page->changes))) co_return std::nullopt;
  }
  co_return std::nullopt;
}

bool Replication::Impl::push_page(ActiveShard& shard, std::vector<model::Change> changes) {
  if (changes.empty()) return true;
  for (model::Change& change : changes) {
    if (shard.pushed && change.sequence() <= *shard.pushed) {
      fail({ExitCode::kInternal, Error{.error_class = ErrorClass::kFatal,
                                       .doing = "read shard",
                                       .resource = shard.id.str(),
                                       .code = {},
                                       .message = "the stream answered record " + change.sequence().str() + " after " +
                                                  shard.pushed->str() + "; order cannot be kept"}});
      return false;
    }
    shard.pushed = change.sequence();
    shard.newest = change.created();
    pipeline.push(shard.handle, std::move(change));
  }
  pipeline.wake_writers();
  return true;
}

/// Decides what to do about a shard that cannot be read on. True: skip what is lost; otherwise the job has failed.
bool Replication::Impl::may_skip(const ActiveShard& shard, const Error& error) {
  if (parts.stream.loss(error) == source::ChangeStream::Loss::kNone) {
    fail({exit_code_for(error), error});
    return false;
  }
  const model::Checkpoint reached = shard.pushed ? model::Checkpoint(model::AfterSequence{*shard.pushed}) : shard.from;
  if (!shards.promised(shard.id, reached)) {
    log::info("a shard was trimmed before this replication began to read it", {{"shard", shard.id.str()}});
    return true;
  }
  Error gap = error;
  gap.doing = "read shard";
  gap.resource = shard.id.str();
  gap.message = "its changes " + where(reached) +
                " are gone (the stream keeps its records for " +
                std::to_string(parts.stream.retention().count()) + " hours): the target has missed them. Bring the tables in step (copy or "
                "compare and repair), then start with --on-trim continue to go on from the oldest change there is";
  if (options.on_trim == ReplicateOptions::OnTrim::kStop) {
    fail({ExitCode::kTrimmed, std::move(gap)});
    return false;
  }
  log::warning(to_line(gap));
  return true;
}

/// Makes the end of a shard (or the loss of its oldest records) durable; what waited for it starts.
async::Task<> Replication::Impl::retire(ActiveShard& shard, source::ChangeStream::Loss lost) {
  const bool ended = lost != source::ChangeStream::Loss::kRecords;
  auto durable = co_await shards.retire(shard.id, lost);
  if (!durable) {
    fail({ExitCode::kState, std::move(durable.error())});
    co_return;
  }
  log::debug(ended ? "shard finished" : "shard restarts at its oldest record", {{"shard", shard.id.str()}});
  remove(shard);
}

void Replication::Impl::remove(ActiveShard& shard) {
  of_handle[shard.handle] = nullptr;
  pipeline.remove_shard(shard.handle);
  active.remove_if([&](const ActiveShard& candidate) { return &candidate == &shard; });
}

}  // namespace dynamirror::jobs
