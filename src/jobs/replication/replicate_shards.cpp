// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "jobs/replication/replication_impl.hpp"

namespace dynamirror::jobs {

void Replication::Impl::start(ordering::ShardGraph::Readable readable) {
  if (shutting_down) return;
  const source::ShardReader::Context context{parts.stream, slots, parts.clock, parts.random};
  log::debug("reading shard", {{"shard", readable.shard.str()}, {"from", model::to_string(readable.from)}});
  active.push_back(
      {.core = core.start(readable),
       .reader = source::ShardReader(context, readable.shard, readable.from, {.idle_poll = options.idle_poll}),
       .asked_at = parts.clock.steady_now()});
  reading.spawn(read_shard(active.back()));
}

void Replication::Impl::revoke(const ShardId& id, bool wind_down) {
  core.revoke(id, wind_down);
  pipeline.wake_writers();  // what waits to be written is released
  pipeline.room().notify();
}

/// REQUIRES: `shard` stays in `active` until this ends; it is removed as the last act.
async::Task<> Replication::Impl::read_shard(ActiveShard& shard) {
  co_await read_to_end(shard);
  if (ending.failure()) co_return;
  std::optional<ReplicationCore::Next> next = core.at_rest(shard.core);
  while (!next) {
    co_await pipeline.settled().wait();
    next = core.at_rest(shard.core);
  }
  const ShardId id = shard.core.id;
  if (*next == ReplicationCore::Next::kRetire) {
    co_await retire(shard);
  } else if (*next == ReplicationCore::Next::kGiveBack) {
    const std::optional<model::SequenceNumber> safe = core.give_back(shard.core);
    forget(shard);
    shards.given_back(id, safe);
  } else {
    core.remove(shard.core);
    forget(shard);
  }
}

/// Ends when nothing more is to be read of the shard, or the job has failed.
async::Task<> Replication::Impl::read_to_end(ActiveShard& shard) {
  while (ReplicationCore::reads(shard.core)) {
    shard.waits_for_room = true;
    while (!pipeline.has_room() && ReplicationCore::reads(shard.core)) co_await pipeline.room().wait();
    shard.waits_for_room = false;
    shard.asked_at = parts.clock.steady_now();

    auto page = co_await shard.reader.next();
    if (page && !page->unreadable.empty() && ReplicationCore::reads(shard.core)) {
      auto set_aside = co_await pipeline.set_aside(shard.core.handle, page->unreadable);
      if (!set_aside) {
        fail(std::move(set_aside.error()));
        co_return;
      }
    }
    const bool brings_changes = page && !page->changes.empty();
    auto failure = page ? core.page_arrived(shard.core, std::move(*page), shard.reader.last_answer())
                        : core.cannot_read_on(shard.core, page.error(), parts.stream.loss(page.error()));
    if (failure) {
      fail(std::move(*failure));
      co_return;
    }
    if (brings_changes) pipeline.wake_writers();
  }
}

/// Makes the end of a shard (or the loss of its oldest records) durable; what waited for it starts.
async::Task<> Replication::Impl::retire(ActiveShard& shard) {
  core.retire(shard.core);
  const auto lost = shard.core.lost.value_or(source::ChangeStream::Loss::kNone);
  auto durable = co_await shards.retire(shard.core.id, lost);
  if (!durable) {
    fail({Reason::kState, std::move(durable.error())});
    co_return;
  }
  const bool ended = lost != source::ChangeStream::Loss::kRecords;
  log::debug(ended ? "shard finished" : "shard restarts at its oldest record", {{"shard", shard.core.id.str()}});
  core.remove(shard.core);
  forget(shard);
}

/// REQUIRES: the core has removed it.
void Replication::Impl::forget(ActiveShard& shard) {
  active.remove_if([&](const ActiveShard& candidate) { return &candidate == &shard; });
}

}  // namespace dynamirror::jobs
