// SPDX-License-Identifier: Apache-2.0
#include "jobs/replicate.hpp"

#include <utility>

#include "base/log.hpp"
#include "jobs/local_shards.hpp"
#include "jobs/replication_impl.hpp"

namespace dynamirror::jobs {

Replication::Replication(ReplicateParts parts, ReplicateOptions options, boost::asio::any_io_executor executor)
    : impl_(std::make_unique<Impl>(parts, options, std::move(executor))) {}
Replication::~Replication() = default;
async::Task<JobResult<void>> Replication::run() { return impl_->run(); }
ReplicateStatus Replication::status() const { return impl_->status(); }

Replication::Impl::Impl(ReplicateParts parts_in, ReplicateOptions options_in, boost::asio::any_io_executor executor_in)
    : parts(parts_in),
      options(options_in),
      executor(std::move(executor_in)),
      buffer({.max_bytes = options.read_ahead_bytes}),
      own_shards(parts.shards == nullptr
                     ? std::make_unique<LocalShards>(parts.stream, *parts.store, parts.clock, parts.random, options)
                     : nullptr),
      shards(own_shards ? *own_shards : *parts.shards),
      pump(buffer, parts.sink, parts.dead_letters, parts.clock, parts.random, executor,
           {.max_concurrent_writes = options.max_concurrent_writes,
            .stop_on_poison = options.on_error == ReplicateOptions::OnError::kStop,
            .max_attempts = options.max_attempts},
           [this](JobFailure reason) { fail(std::move(reason)); }),
      liveness_of_writing(parts.clock.steady_now()),
      reading(executor),
      writing(executor),
      keeping(executor) {
  if (options.max_record_age) filters.push_back(std::make_unique<transform::MaxRecordAge>(*options.max_record_age));
  pump.set_shard_name([this](ordering::ChangeBuffer::ShardHandle handle) {
    const ActiveShard* shard = find(handle);
    return shard == nullptr ? ShardId() : shard->id;
  });
  if (shards.shares()) pump.set_write_permit([this](auto handle) { return write_permit(handle); });
}

async::Task<JobResult<void>> Replication::Impl::run() {
  if (auto restored = shards.restore(); !restored) co_return std::unexpected(std::move(restored.error()));
  shards.start(*this, reading);
  if (options.stop_when_caught_up) reading.spawn(end_when_caught_up());
  writing.spawn(pump.run());
  keeping.spawn(keep_checkpoints());
  keeping.spawn(watch_liveness());

  while (!failure && !done && !parts.stop.requested()) co_await parts.stop.changed().wait();
  co_await shut_down();
  if (failure) co_return std::unexpected(std::move(*failure));
  if (buffer.counters().held() > 0) {
    co_return job_failure(ExitCode::kStoppedEarly,
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
  ending = true;
  reading.cancel();
  co_await reading.join();
  if (!failure) co_await drain();
  writing.cancel();
  co_await writing.join();
  pump.abandon_writes();
  co_await pump.writes_ended();
  if (auto kept = shards.keep_time(read_until()); !kept) fail({ExitCode::kState, std::move(kept.error())});
  const std::vector<SafeShard> safe = safe_shards();
  std::vector<ShardId> still_writing;
  for (const ActiveShard& shard : active) {
    if (buffer.outstanding(shard.handle) > 0) still_writing.push_back(shard.id);
  }
  if (auto saved = co_await shards.close(safe, still_writing); !saved && !failure)
    fail({ExitCode::kState, std::move(saved.error())});
  keeping.cancel();
  co_await keeping.join();
}

async::Task<> Replication::Impl::drain() {
  const SteadyTime deadline = parts.clock.steady_now() + options.drain_timeout;
  while (!failure && buffer.counters().held() > 0) {
    const Duration left = deadline - parts.clock.steady_now();
    if (left <= Duration::zero()) co_return;
    co_await pump.settled().wait_for(left);
  }
}

void Replication::Impl::fail(JobFailure reason) {
  if (!failure) failure = std::move(reason);
  parts.stop.changed().notify();
}

ReplicateStatus Replication::Impl::status() const {
  ReplicateStatus status{.counters = buffer.counters(),
                         .shards_being_read = active.size(),
                         .shards_waiting = shards.waiting(active.size()),
                         .held_bytes = buffer.held_bytes(),
                         .retries = pump.statistics().retries,
                         .lag = pump.statistics().lag,
                         .current_lag = {},
                         .caught_up = caught_up(),
                         .last_trouble = last_trouble()};
  if (!active.empty()) status.current_lag = current_lag();
  return status;
}

std::string Replication::Impl::last_trouble() const {
  if (!pump.statistics().last_trouble.empty()) return pump.statistics().last_trouble;
  for (const ActiveShard& shard : active) {
    if (!shard.reader.last_trouble().empty()) return shard.reader.last_trouble();
  }
  return shards.last_trouble();
}

}  // namespace dynamirror::jobs
