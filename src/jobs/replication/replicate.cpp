// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/replicate.hpp"

#include <utility>

#include "base/log.hpp"
#include "jobs/replication/local_shards.hpp"
#include "jobs/replication/replication_impl.hpp"

namespace dynamirror::jobs {

Replication::Replication(ReplicateParts parts, ReplicateOptions options, boost::asio::any_io_executor executor)
    : impl_(std::make_unique<Impl>(parts, options, std::move(executor))) {}
Replication::~Replication() = default;
async::Task<JobResult<void>> Replication::run() { return impl_->run(); }
ReplicateStatus Replication::status() const { return impl_->status(); }

namespace {

transform::ChangeRules rules_of(const ReplicateOptions& options) {
  transform::ChangeRules rules;
  if (options.max_record_age) rules.push_back(std::make_unique<transform::MaxRecordAge>(*options.max_record_age));
  if (options.tags) rules.push_back(std::make_unique<transform::CircularTags>(*options.tags));
  if (options.echo) rules.push_back(std::make_unique<multimaster::EchoRule>(*options.echo));
  return rules;
}

}  // namespace

Replication::Impl::Impl(ReplicateParts parts_in, ReplicateOptions options_in, boost::asio::any_io_executor executor_in)
    : parts(parts_in),
      options(options_in),
      ending(parts.stop),
      pipeline({parts.sink, parts.dead_letters, parts.clock, parts.random, executor_in, ending}, options.pipeline,
               rules_of(options)),
      own_shards(parts.shards == nullptr ? std::make_unique<LocalShards>(LocalShards::Parts{parts.stream, *parts.store,
                                                                                            parts.clock, parts.random},
                                                                         options, executor_in)
                                         : nullptr),
      shards(own_shards ? *own_shards : *parts.shards),
      core(pipeline.core(), shards, {.on_trim = options.on_trim, .retention = parts.stream.retention()}),
      reading(executor_in),
      keeping(executor_in) {}

async::Task<JobResult<void>> Replication::Impl::run() {
  if (auto restored = shards.restore(); !restored) co_return std::unexpected(std::move(restored.error()));
  shards.start(*this, reading);
  if (options.stop_when_caught_up) reading.spawn(end_when_caught_up());
  pipeline.start();
  keeping.spawn(keep_checkpoints());
  keeping.spawn(watch_reading());

  co_await ending.wait();
  co_await shut_down();
  if (ending.failure()) co_return std::unexpected(*ending.failure());
  if (pipeline.counters().held() > 0) {
    co_return job_failure(Reason::kStopped,
                          Error{.error_class = ErrorClass::kTransient,
                                .doing = "stop",
                                .resource = parts.sink.describe(),
                                .code = {},
                                .message = "some changes that were read could not be written in time; nothing is lost, "
                                           "they are read again at the next start"});
  }
  co_return JobResult<void>{};
}

/// Reading ends at once; writing may go on for a moment, so that what was read need not be read again.
async::Task<> Replication::Impl::shut_down() {
  shutting_down = true;
  reading.cancel();
  co_await reading.join();
  const SteadyTime deadline = parts.clock.steady_now() + options.drain_timeout;
  const auto late = [&] { return parts.clock.steady_now() >= deadline; };
  co_await pipeline.drain(late);
  co_await pipeline.stop();
  keep_time();
  const std::vector<SafeShard> safe = core.take_safe();
  const std::vector<ShardId> still_writing = core.unsettled();
  if (auto saved = co_await shards.close(safe, still_writing); !saved) fail({Reason::kState, std::move(saved.error())});
  keeping.cancel();
  co_await keeping.join();
}

ReplicateStatus Replication::Impl::status() const {
  const bool idle = shards.shares() && active.empty();
  ReplicateStatus status{
      .counters = pipeline.counters(),
      .rules = pipeline.rule_counts(),
      .shards_being_read = active.size(),
      .shards_waiting = shards.waiting(active.size()),
      .held_bytes = pipeline.held_bytes(),
      .retries = pipeline.statistics().retries,
      .lag = pipeline.statistics().lag,
      .current_lag = {},
      .at_tip = shards.all_started(active.size()) &&
                std::ranges::all_of(active, [this](const ActiveShard& shard) { return at_tip(shard); }),
      .caught_up = ending.finished() || (caught_up() && !idle),
      .holds_none = idle,
      .last_trouble = last_trouble()};
  if (!active.empty()) status.current_lag = current_lag();
  return status;
}

std::string Replication::Impl::last_trouble() const {
  if (!pipeline.statistics().last_trouble.empty()) return pipeline.statistics().last_trouble;
  for (const ActiveShard& shard : active) {
    if (!shard.reader.last_trouble().empty()) return shard.reader.last_trouble();
  }
  return shards.last_trouble();
}

}  // namespace dynamirror::jobs
