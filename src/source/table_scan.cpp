// SPDX-License-Identifier: Apache-2.0
#include "source/table_scan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <cassert>
#include <deque>
#include <exception>
#include <unordered_map>
#include <utility>

#include "async/backoff.hpp"
#include "async/concurrency_limit.hpp"
#include "async/signal.hpp"
#include "async/task_group.hpp"
#include "aws/paging.hpp"
#include "base/text.hpp"
#include "source/impl/read_budget.hpp"

namespace dynamirror::source {
namespace {

using Limit = async::ConcurrencyLimit;

/// Few failures do not mean that nothing moves, however long ago the last page came: the receiver may have been slow.
constexpr std::uint64_t kFailuresBeforeGivingUp = 20;

}  // namespace

struct TableScan::Impl {
  /// A segment that is not at its end, and its run of failures.
  struct Segment {
    SegmentPosition position;
    aws::Paging paging{};
    async::Backoff backoff{{.base = std::chrono::milliseconds(100), .cap = std::chrono::milliseconds(10'000)}};
  };

  Limit limit;
  Options options;
  aws::DynamoDbClient& client;
  const Clock& clock;
  Random& random;
  boost::asio::any_io_executor executor;
  Statistics statistics{};
  std::optional<ReadBudget> budget{};
  std::deque<Segment> ready{};  ///< first in, first out: so all partitions of the table share the load
  std::unordered_map<std::uint32_t, bool> unfinished{};  ///< true: to be removed when nothing of it is under way
  bool serving = false;
  std::optional<Error> failure{};
  async::Signal changed{};
  async::Signal removed{};  ///< a segment that pauses need not pause any longer
  SteadyTime last_page{};
  std::uint64_t failures_since_page = 0;
  std::optional<async::TaskGroup> pages{};  ///< of the run under way; here so that it outlives the event loop's tasks

  [[nodiscard]] async::Task<Status> run(std::vector<SegmentPosition> from, PageReceiver& receiver);
  [[nodiscard]] async::Task<> read_all(PageReceiver& receiver);
  [[nodiscard]] Duration dispatch(PageReceiver& receiver);
  [[nodiscard]] async::Task<> read_page(Segment segment, ReadBudget::Reservation reservation, PageReceiver& receiver);
  [[nodiscard]] async::Task<> deliver(Segment segment, aws::ScanPage page, PageReceiver& receiver);
  [[nodiscard]] async::Task<> fail_or_pause(Segment segment, Error error);
  void add(SegmentPosition position);
  void read_on(Segment segment);
  void count(const aws::ScanPage& page);
  [[nodiscard]] std::optional<Error> hopeless(const Error& error);
};

TableScan::TableScan(Options options, aws::DynamoDbClient& client, const Clock& clock, Random& random,
                     boost::asio::any_io_executor executor)
    : impl_(new Impl{
          .limit = Limit({.initial = std::min<std::size_t>(4, options.max_parallel), .max = options.max_parallel}),
          .options = std::move(options),
          .client = client,
          .clock = clock,
          .random = random,
          .executor = std::move(executor)}) {
  const Options& given = impl_->options;
  assert(given.share < given.shares && given.split >= 1 && given.max_parallel >= 1);
  impl_->statistics.segments = given.split;
}

TableScan::~TableScan() = default;

std::vector<SegmentPosition> TableScan::fresh() const {
  std::vector<SegmentPosition> positions;
  for (std::uint32_t i = 0; i < impl_->options.split; ++i) {
    positions.push_back({.segment = impl_->options.share * impl_->options.split + i});
  }
  return positions;
}

async::Task<Status> TableScan::run(std::vector<SegmentPosition> from, PageReceiver& receiver) {
  return impl_->run(std::move(from), receiver);
}

async::Task<Status> TableScan::serve(PageReceiver& receiver) {
  impl_->serving = true;
  return impl_->run({}, receiver);
}

void TableScan::end(Error reason) {
  if (!impl_->failure) impl_->failure = std::move(reason);
  impl_->changed.notify();
}

void TableScan::add(SegmentPosition position) { impl_->add(std::move(position)); }

void TableScan::remove(std::uint32_t segment) {
  const auto segment_read = impl_->unfinished.find(segment);
  if (segment_read == impl_->unfinished.end()) return;
  segment_read->second = true;
  const auto waits = [&](const Impl::Segment& waiting) { return waiting.position.segment == segment; };
  if (std::erase_if(impl_->ready, waits) > 0) impl_->unfinished.erase(segment_read);
  impl_->removed.notify();
}

bool TableScan::holds(std::uint32_t segment) const { return impl_->unfinished.contains(segment); }

const TableScan::Statistics& TableScan::statistics() const { return impl_->statistics; }

void TableScan::Impl::add(SegmentPosition position) {
  // Without anything to read, no page could come.
  if (unfinished.empty()) last_page = clock.steady_now();
  const bool added = unfinished.emplace(position.segment, false).second;
  assert(added && !position.done);
  (void)added;
  ready.push_back({.position = std::move(position)});
  changed.notify();
}

async::Task<Status> TableScan::Impl::run(std::vector<SegmentPosition> from, PageReceiver& receiver) {
  last_page = clock.steady_now();
  if (options.max_read_units) budget.emplace(*options.max_read_units, options.consistent, last_page);
  for (SegmentPosition& position : from) {
    if (position.done) {
      ++statistics.segments_done;
    } else {
      add(std::move(position));
    }
  }

  pages.emplace(executor);
  std::exception_ptr thrown;  // a cancellation waits for the end of the pages, too
  try {
    co_await read_all(receiver);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown) co_await boost::asio::this_coro::reset_cancellation_state();
  pages->cancel();
  co_await pages->join();
  if (thrown) std::rethrow_exception(thrown);
  if (failure) co_return std::unexpected(std::move(*failure));
  co_return Status{};
}

async::Task<> TableScan::Impl::read_all(PageReceiver& receiver) {
  while ((serving || !unfinished.empty()) && !failure) {
    const Duration wait = dispatch(receiver);
    if (wait > Duration::zero()) {
      co_await changed.wait_for(wait);
    } else {
      co_await changed.wait();
    }
  }
}

/// Starts as many pages as may be. Returns when to look again, if nothing changes before; zero: only then.
Duration TableScan::Impl::dispatch(PageReceiver& receiver) {
  while (!ready.empty() && limit.may_start() && pages->size() < options.max_parallel) {
    ReadBudget::Reservation reservation;
    if (budget) {
      const SteadyTime now = clock.steady_now();
      const Duration wait = budget->delay(now);
      if (wait > Duration::zero()) return wait;
      reservation = budget->reserve(now);
    }
    limit.started();
    pages->spawn(read_page(std::move(ready.front()), reservation, receiver));
    ready.pop_front();
  }
  return Duration::zero();
}

async::Task<> TableScan::Impl::read_page(Segment segment, ReadBudget::Reservation reservation, PageReceiver& receiver) {
  const SteadyTime begun = clock.steady_now();
  const aws::ScanOptions page_options{.segment = segment.position.segment,
                                      .segments = options.shares * options.split,
                                      .start_key_json = segment.position.after_key_json,
                                      .limit = reservation.max_items,
                                      .consistent = options.consistent};
  auto page = co_await client.scan(options.table, page_options);
  const SteadyTime now = clock.steady_now();
  const bool throttled = !page && page.error().error_class == ErrorClass::kThrottled;
  limit.finished(now - begun,
                 page        ? Limit::Outcome::kDone
                 : throttled ? Limit::Outcome::kThrottled
                             : Limit::Outcome::kFailed,
                 now);
  changed.notify();
  if (budget) {
    // A request without answer may have been worked on.
    const double consumed = page ? page->consumed_units() : page.error().not_applied ? 0 : reservation.units;
    budget->settle(reservation, consumed, page ? page->size() : 0);
  }
  if (page) {
    last_page = now;
    failures_since_page = 0;
    co_await deliver(std::move(segment), std::move(*page), receiver);
  } else {
    co_await fail_or_pause(std::move(segment), std::move(page.error()));
  }
}

async::Task<> TableScan::Impl::deliver(Segment segment, aws::ScanPage page, PageReceiver& receiver) {
  count(page);
  segment.backoff.reset();
  segment.position.after_key_json = page.last_key_json();
  segment.position.done = page.last_key_json().empty();
  auto taken = segment.paging.turn(page.last_key_json(), page.size(), client.resource(options.table));
  if (taken) taken = co_await receiver.take(std::move(page), segment.position);
  if (!taken) {
    if (!failure) failure = std::move(taken.error());
  } else if (segment.position.done) {
    ++statistics.segments_done;
    unfinished.erase(segment.position.segment);
  } else {
    read_on(std::move(segment));
  }
  changed.notify();
}

/// Nothing of the segment is under way any more: its next page may be asked for, unless it has been removed.
void TableScan::Impl::read_on(Segment segment) {
  const auto segment_read = unfinished.find(segment.position.segment);
  if (segment_read->second) {
    unfinished.erase(segment_read);
  } else {
    ready.push_back(std::move(segment));
  }
}

async::Task<> TableScan::Impl::fail_or_pause(Segment segment, Error error) {
  if (error.error_class == ErrorClass::kThrottled) ++statistics.throttled;
  ++failures_since_page;
  if (auto reason = hopeless(error)) {
    if (!failure) failure = std::move(reason);
  } else {
    const auto pause = segment.backoff.next(random);
    if (!unfinished.at(segment.position.segment)) co_await removed.wait_for(pause);
    read_on(std::move(segment));
  }
  changed.notify();
}

void TableScan::Impl::count(const aws::ScanPage& page) {
  ++statistics.pages;
  statistics.items += page.size();
  statistics.bytes += page.bytes();
  statistics.consumed_units += page.consumed_units();
}

/// Why no further attempt makes sense, or nothing. One segment that fails while others move is waited for: it may be a
/// hot partition.
std::optional<Error> TableScan::Impl::hopeless(const Error& error) {
  if (!error.retryable()) return error;
  const Duration quiet = clock.steady_now() - last_page;
  if (failures_since_page < kFailuresBeforeGivingUp || quiet < options.give_up_after) return std::nullopt;
  Error stalled = error;
  stalled.message += fmt::format("; no page of the table could be read for {}", format_duration(options.give_up_after));
  return stalled;
}

}  // namespace dynamirror::source
