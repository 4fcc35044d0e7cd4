// SPDX-License-Identifier: Apache-2.0
#include "jobs/multilang/multilang_shard.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "async/retry.hpp"
#include "async/sleep.hpp"
#include "base/log.hpp"
#include "pipeline/pipeline.hpp"

namespace dynamirror::jobs {
namespace {

using Kind = DaemonMessage::Kind;

Error wrong(std::string doing, std::string resource, std::string message) {
  return {.error_class = ErrorClass::kFatal,
          .doing = std::move(doing),
          .resource = std::move(resource),
          .code = {},
          .message = std::move(message)};
}

std::unexpected<JobFailure> out_of_turn(const DaemonMessage& message) {
  return job_failure(wrong("follow the MultiLangDaemon", "\"" + message.action + "\"",
                           "this message cannot come here; the KCL that sends it is not one that we know"));
}

std::unexpected<JobFailure> went_away(std::string what) {
  return job_failure(Reason::kStopped, wrong("follow the MultiLangDaemon", {}, "it went away; " + std::move(what)));
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \r\t") == std::string_view::npos; }

/// What a later attempt may mend (com.amazonaws…exceptions of KCL, by their simple names).
bool passes(std::string_view exception) {
  return exception == "ThrottlingException" || exception == "KinesisClientLibDependencyException";
}

}  // namespace

/// From the shard's first message to its last.
struct MultiLangShard::Writing {
  Writing(const Parts& parts, const Options& options, std::unique_ptr<sink::DeadLetters> dead_letters,
          const boost::asio::any_io_executor& executor)
      : letters(std::move(dead_letters)),
        pipeline({parts.sink, letters.get(), parts.clock, parts.random, executor, ending}, options.pipeline),
        shard(pipeline.add_shard()) {}

  std::unique_ptr<sink::DeadLetters> letters;
  Ending ending;
  Pipeline pipeline;
  Pipeline::ShardHandle shard;
};

MultiLangShard::MultiLangShard(Parts parts, Options options)
    : parts_(std::move(parts)), options_(options), records_(parts_.key, parts_.kinesis) {
  options_.pipeline.writing.poison_hint = "--dead-letter-dir DIR sets such changes aside";
}
MultiLangShard::~MultiLangShard() = default;

async::Task<JobResult<void>> MultiLangShard::run() {
  auto ended = co_await answer_all();
  if (writing_) co_await writing_->pipeline.stop();
  co_return ended;
}

async::Task<JobResult<void>> MultiLangShard::answer_all() {
  while (true) {  // until the daemon closes its end
    auto line = co_await parts_.lines.next();
    if (line && *line && is_blank(**line)) continue;
    auto message = read(std::move(line));
    if (!message) co_return std::unexpected(std::move(message.error()));
    if (!*message) {
      if (behind_ && !lost_) co_return went_away("what was applied since the last checkpoint is delivered again");
      co_return JobResult<void>{};
    }
    const std::string status = status_line((*message)->action);
    auto done = co_await answer(std::move(**message));
    if (!done) co_return done;
    if (auto sent = parts_.lines.write(status); !sent) co_return job_failure(std::move(sent.error()));
  }
}

JobResult<std::optional<DaemonMessage>> MultiLangShard::read(Result<std::optional<std::string>> line) {
  if (!line) return job_failure(std::move(line.error()));
  if (!*line) return std::optional<DaemonMessage>{};
  auto message = parse_daemon_message(**line, reader_);
  if (!message) return job_failure(std::move(message.error()));
  return std::optional<DaemonMessage>(std::move(*message));
}

async::Task<JobResult<void>> MultiLangShard::answer(DaemonMessage message) {
  if (message.kind == Kind::kInitialize) {
    if (writing_) co_return out_of_turn(message);
    co_return co_await initialize(message);
  }
  if (!writing_) co_return out_of_turn(message);
  switch (message.kind) {
    case Kind::kProcessRecords:
      if (over_) co_return out_of_turn(message);
      if (lost_) co_return JobResult<void>{};  // another worker writes these
      co_return co_await process(std::move(message));
    case Kind::kShutdownRequested:
      if (behind_ && !lost_) co_return co_await checkpoint(false);
      co_return JobResult<void>{};
    case Kind::kShardEnded:
      over_ = true;
      if (lost_) co_return JobResult<void>{};
      co_return co_await checkpoint(true);
    case Kind::kLeaseLost:
      over_ = true;
      log::info("another worker has the shard now", {{"shard", shard_.str()}});
      co_return JobResult<void>{};
    default:
      co_return out_of_turn(message);
  }
}

async::Task<JobResult<void>> MultiLangShard::initialize(const DaemonMessage& message) {
  auto letters = parts_.open_dead_letters(message.shard);
  if (!letters) co_return job_failure(Reason::kState, std::move(letters.error()));
  const auto executor = co_await boost::asio::this_coro::executor;
  writing_ = std::make_unique<Writing>(parts_, options_, std::move(*letters), executor);
  shard_ = message.shard;
  writing_->pipeline.name_shards([this](Pipeline::ShardHandle) { return shard_; });
  writing_->pipeline.start();
  sequence_numbers_ = message.sequence_numbers;
  log::info("applying a shard", {{"shard", shard_.str()}, {"target", parts_.sink.describe()}});
  co_return JobResult<void>{};
}

async::Task<JobResult<void>> MultiLangShard::process(DaemonMessage message) {
  if (message.records.empty()) co_return JobResult<void>{};
  auto records = records_.read(std::move(message.records));
  if (!records) {
    co_return job_failure(Reason::kNotReady, wrong("read the records of shard", shard_.str(), records.error().message));
  }
  auto pushed = co_await push(std::move(*records));
  if (!pushed) co_return pushed;
  behind_ = true;
  writing_->pipeline.wake_writers();
  auto settled = co_await settle();
  if (!settled) co_return settled;
  co_return co_await checkpoint(false);
}

/// Nothing is pushed when they are not in the shard's order, or what is no change cannot be set aside.
async::Task<JobResult<void>> MultiLangShard::push(std::vector<Delivered> records) {
  const auto not_after = [](const Delivered& previous, const Delivered& next) {
    return sequence_of(next) <= sequence_of(previous);
  };
  if (std::adjacent_find(records.begin(), records.end(), not_after) != records.end()) {
    co_return job_failure(wrong("read the records of shard", shard_.str(),
                                "a record does not come after the one before it; order cannot be kept"));
  }
  // What was delivered before is in the target already: to write it again could undo what came after it.
  delivered_again_ +=
      std::erase_if(records, [&](const Delivered& record) { return delivered_ && sequence_of(record) <= *delivered_; });
  std::vector<model::UnreadableRecord> no_changes;
  for (const Delivered& record : records) {
    if (const auto* other = std::get_if<model::UnreadableRecord>(&record)) no_changes.push_back(*other);
  }
  auto set_aside = co_await writing_->pipeline.set_aside(writing_->shard, no_changes);
  if (!set_aside) co_return set_aside;
  for (Delivered& record : records) {
    delivered_ = sequence_of(record);
    if (auto* change = std::get_if<model::Change>(&record)) {
      writing_->pipeline.push(writing_->shard, std::move(*change));
    } else {
      writing_->pipeline.core().push_set_aside(writing_->shard, *delivered_);
    }
  }
  co_return JobResult<void>{};
}

/// Waits until everything delivered is in the target or set aside.
async::Task<JobResult<void>> MultiLangShard::settle() {
  // Another worker takes the lease of a daemon that died, and may be further on than what we still hold.
  const auto gone = [this] { return parts_.lines.gone(); };
  co_await writing_->pipeline.drain(gone);
  if (writing_->ending.failure()) co_return std::unexpected(*writing_->ending.failure());
  if (writing_->pipeline.counters().held() > 0) co_return went_away("what was not written yet is delivered again");
  co_return JobResult<void>{};
}

async::Task<JobResult<void>> MultiLangShard::checkpoint(bool at_end) {
  const async::RetryPolicy policy{
      .max_attempts = options_.checkpoint_attempts,
      .backoff = {.base = options_.checkpoint_pause, .cap = std::chrono::milliseconds(5'000)},
      .give_up_after = std::nullopt};
  async::Retry retry(policy, parts_.random);
  while (true) {  // as often as the options say
    auto refused = co_await ask_for_checkpoint();
    if (!refused) co_return std::unexpected(std::move(refused.error()));
    if (refused->empty()) {
      behind_ = false;
      ++checkpoints_;
      co_return JobResult<void>{};
    }
    if (*refused == "ShutdownException") {
      lost_ = true;
      log::warning("the lease went to another worker, which reads the last records again", {{"shard", shard_.str()}});
      co_return JobResult<void>{};
    }
    Error error = wrong("checkpoint shard", shard_.str(), "KCL answered " + *refused);
    if (!passes(*refused)) co_return job_failure(Reason::kState, std::move(error));
    const bool again = co_await retry.again();
    if (!again) {
      // In mid-shard the next checkpoint covers this one. Behind the end there is none.
      if (at_end) co_return job_failure(Reason::kUnreachable, std::move(error));
      log::warning("no checkpoint this time; the next one covers it", {{"shard", shard_.str()}, {"error", *refused}});
      co_return JobResult<void>{};
    }
  }
}

/// Answers the name of the exception that KCL met; empty when there was none.
async::Task<JobResult<std::string>> MultiLangShard::ask_for_checkpoint() {
  if (auto sent = parts_.lines.write(checkpoint_line(sequence_numbers_)); !sent) {
    co_return job_failure(std::move(sent.error()));
  }
  auto message = read(co_await parts_.lines.answer());
  if (!message) co_return std::unexpected(std::move(message.error()));
  if (!*message) co_return went_away("it did not answer; what was applied may be delivered again");
  if ((*message)->kind != Kind::kCheckpoint) co_return out_of_turn(**message);
  co_return std::move((*message)->error);
}

MultiLangShard::Statistics MultiLangShard::statistics() const {
  return {.shard = shard_,
          .changes = writing_ ? writing_->pipeline.counters() : ordering::ChangeBuffer::Counters{},
          .delivered_again = delivered_again_,
          .checkpoints = checkpoints_};
}

}  // namespace dynamirror::jobs
