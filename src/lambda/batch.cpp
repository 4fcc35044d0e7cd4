// SPDX-License-Identifier: Apache-2.0
#include "lambda/batch.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "async/signal.hpp"
#include "async/task_group.hpp"
#include "base/text.hpp"
#include "lambda/batch_letters.hpp"
#include "pipeline/ending.hpp"

namespace dynamirror::lambda {
namespace {

using Handle = jobs::Pipeline::ShardHandle;

Error no_time_left(std::string message) {
  return {.error_class = ErrorClass::kTransient,
          .doing = "apply batch",
          .resource = {},
          .code = "NoTimeLeft",
          .message = std::move(message)};
}

/// More writes at once than this do not fit into a function's share of a processor.
jobs::Pipeline::Options pipeline_options() {
  jobs::Pipeline::Options options;
  options.stall_timeout = std::chrono::hours(1);  // the deadline comes first
  options.writing.max_concurrent_writes = 32;
  return options;
}

/// One batch on its way through the pipeline.
class Application {
 public:
  Application(const BatchParts& parts, std::vector<ShardBatch> shards, BatchTimes times, transform::ChangeRules rules,
              const boost::asio::any_io_executor& executor)
      : parts_(parts),
        shards_(std::move(shards)),
        times_(times),
        pipeline_({parts.sink, &letters_, parts.clock, parts.random, executor, ending_}, pipeline_options(),
                  std::move(rules)) {}

  async::Task<BatchResult> run() {
    pipeline_.name_shards([this](Handle shard) { return ShardId(shards_[index_of(shard)].shard); });
    pipeline_.permit_writes([this](Handle) { return std::optional(steady(times_.write_until)); });
    pipeline_.start();
    co_await push();
    pipeline_.wake_writers();
    const auto time_is_over = [this] { return parts_.clock.wall_now() >= times_.answer_by; };
    co_await pipeline_.drain(time_is_over);
    co_await pipeline_.stop();
    BatchResult result = sum_up();
    if (letters_.places().empty()) co_return result;
    auto stored = co_await store();
    if (!stored) name_letters(result, std::move(stored.error()));
    co_return result;
  }

 private:
  /// The same moment, by the clock that writes are timed by.
  [[nodiscard]] SteadyTime steady(WallTime moment) const {
    return parts_.clock.steady_now() + std::chrono::duration_cast<Duration>(moment - parts_.clock.wall_now());
  }

  [[nodiscard]] std::size_t index_of(Handle shard) const {
    return static_cast<std::size_t>(std::ranges::find(handles_, shard) - handles_.begin());
  }

  async::Task<> push() {
    for (ShardBatch& shard : shards_) {
      const Handle handle = handles_.emplace_back(pipeline_.add_shard());
      auto& places = places_.emplace_back();
      for (Entry& entry : shard.entries) {
        places.push_back(sequence_of(entry));
        if (auto* change = std::get_if<model::Change>(&entry)) {
          pipeline_.push(handle, std::move(*change));
          continue;
        }
        const auto& record = std::get<model::UnreadableRecord>(entry);
        const std::span<const model::UnreadableRecord> no_change(&record, 1);
        (void)co_await pipeline_.set_aside(handle, no_change);  // letters in memory always go
        pipeline_.core().push_set_aside(handle, record.sequence);
      }
    }
  }

  [[nodiscard]] BatchResult sum_up() {
    BatchResult result{.changes = pipeline_.counters(),
                       .retries = pipeline_.statistics().retries,
                       .lag = pipeline_.statistics().lag.quantile(1)};
    for (const auto& rule : pipeline_.rule_counts()) result.filtered_by[std::string(rule.rule)] = rule.dropped;
    for (std::size_t i = 0; i < handles_.size(); ++i) {
      const auto& safe = pipeline_.safe(handles_[i]);
      const auto open = safe ? std::ranges::upper_bound(places_[i], *safe) : places_[i].begin();
      first_open_.push_back(static_cast<std::size_t>(open - places_[i].begin()));
    }
    if (ending_.failure()) {
      result.why = ending_.failure()->error;
    } else if (result.changes.held() > 0) {
      const std::string& trouble = pipeline_.statistics().last_trouble;
      result.why = no_time_left(format_count(result.changes.held()) + " of " + format_count(result.changes.read) +
                                " changes are not done" + (trouble.empty() ? "" : "; last trouble: " + trouble));
    }
    name_open(result);
    return result;
  }

  void name_open(BatchResult& result) const {
    result.not_done.clear();
    for (std::size_t i = 0; i < first_open_.size(); ++i) {
      if (first_open_[i] == places_[i].size()) continue;
      result.not_done.emplace_back(places_[i][first_open_[i]].text());
    }
  }

  async::Task<Status> store() {
    if (!parts_.store_letters) co_return std::unexpected(letters_.why());
    constexpr std::chrono::milliseconds kShortest{100};
    const WallTime moment = std::max(times_.answer_by, parts_.clock.wall_now() + kShortest);
    auto storing = parts_.store_letters(letters_.lines(), letters_.first().str());
    co_return co_await until(std::move(storing), moment, parts_.clock);
  }

  /// What is in a letter that is nowhere is not done.
  void name_letters(BatchResult& result, Error why) {
    result.letters_lost = letters_.places().size();
    if (!result.why) result.why = std::move(why);
    for (const BatchLetters::Place& letter : letters_.places()) {
      const auto shard = std::ranges::find(shards_, letter.shard.str(), &ShardBatch::shard);
      const auto i = static_cast<std::size_t>(shard - shards_.begin());
      const auto place = std::ranges::lower_bound(places_[i], letter.sequence);
      first_open_[i] = std::min(first_open_[i], static_cast<std::size_t>(place - places_[i].begin()));
    }
    name_open(result);
  }

  const BatchParts& parts_;
  std::vector<ShardBatch> shards_;
  BatchTimes times_;
  BatchLetters letters_;
  jobs::Ending ending_;
  jobs::Pipeline pipeline_;
  std::vector<Handle> handles_;                             ///< of `shards_`
  std::vector<std::vector<model::SequenceNumber>> places_;  ///< of their entries
  std::vector<std::size_t> first_open_;                     ///< among those
};

async::Task<> run_into(async::Task<Status> work, std::optional<Status>& result, async::Signal& ended) {
  result = co_await std::move(work);
  ended.notify();
}

}  // namespace

async::Task<BatchResult> apply_batch(BatchParts parts, std::vector<ShardBatch> shards, BatchTimes times,
                                     transform::ChangeRules rules) {
  const auto executor = co_await boost::asio::this_coro::executor;
  Application application(parts, std::move(shards), times, std::move(rules), executor);
  co_return co_await application.run();
}

async::Task<Status> until(async::Task<Status> work, WallTime moment, const Clock& clock) {
  constexpr std::chrono::milliseconds kLook{500};  // the two clocks may drift apart
  const auto executor = co_await boost::asio::this_coro::executor;
  std::optional<Status> result;
  async::Signal ended;
  async::TaskGroup tasks(executor);
  tasks.spawn(run_into(std::move(work), result, ended));
  while (!result && clock.wall_now() < moment) {
    const auto left = std::chrono::duration_cast<Duration>(moment - clock.wall_now());
    co_await ended.wait_for(std::min<Duration>(left, kLook));
  }
  tasks.cancel();
  co_await tasks.join();
  if (!result) co_return std::unexpected(no_time_left("the invocation ends before this is done"));
  co_return std::move(*result);
}

}  // namespace dynamirror::lambda
