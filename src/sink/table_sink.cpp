// SPDX-License-Identifier: Apache-2.0
#include "sink/table_sink.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "sink/impl/write_budget.hpp"

namespace dynamirror::sink {
namespace {

using Changes = std::span<const model::Change* const>;

/// BatchWriteItem takes 25 changes and 16 MB (DynamoDB API reference).
constexpr std::size_t kMaxBatch = 25;
constexpr std::size_t kMaxBatchBytes = 16u << 20;
/// Left free for the request's own syntax around key and image.
constexpr std::size_t kBytesPerChange = 64;

/// What an error says about the changes that were sent.
enum class Blame { kNobody, kAChange, kEverything };

Blame blame_of(const Error& error) {
  if (error.retryable()) return Blame::kNobody;
  return error.error_class == ErrorClass::kInvalid ? Blame::kAChange : Blame::kEverything;
}

Outcome unprocessed(const std::string& target) {
  return TryAgain{Error{.error_class = ErrorClass::kThrottled,
                        .doing = "write items",
                        .resource = target,
                        .code = "UnprocessedItems",
                        .message = "the service has left this change of a batch for later",
                        .not_applied = true}};
}

}  // namespace

struct TableSink::Impl {
  Impl(Options options_in, aws::DynamoDbClient& client_in, const Clock& clock)
      : options(std::move(options_in)), client(client_in), target(client_in.resource(options.table)) {
    if (!options.max_write_units) return;
    assert(*options.max_write_units > 0);
    budget.emplace(*options.max_write_units, clock);
  }

  /// Some of the changes of one `write`, still together.
  struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
    [[nodiscard]] std::size_t size() const { return end - begin; }
  };

  [[nodiscard]] async::Task<Result<aws::BatchWriteAnswer>> send(Changes changes, SteadyTime not_after);
  [[nodiscard]] async::Task<Result<aws::BatchWriteAnswer>> call(Changes changes, SteadyTime not_after);
  /// False when the range was refused for something in it and must be halved. REQUIRES: error blames not everything.
  [[nodiscard]] bool settle_error(Range range, const Error& error, std::vector<Outcome>& outcomes);

  Options options;
  aws::DynamoDbClient& client;
  std::string target;
  std::optional<WriteBudget> budget;
  Statistics statistics;
};

async::Task<Result<aws::BatchWriteAnswer>> TableSink::Impl::call(Changes changes, SteadyTime not_after) {
  if (changes.size() > 1) co_return co_await client.batch_write(options.table, options.key, changes, not_after);
  // One change alone: the answer then says of this very change what is wrong with it.
  const auto written = co_await client.write(options.table, *changes.front(), not_after);
  if (!written) co_return std::unexpected(written.error());
  co_return aws::BatchWriteAnswer{written->consumed_units, {}};
}

/// One request, within the budget.
async::Task<Result<aws::BatchWriteAnswer>> TableSink::Impl::send(Changes changes, SteadyTime not_after) {
  std::optional<WriteBudget::Reservation> reservation;
  if (budget) reservation.emplace(co_await budget->reserve(changes));
  ++statistics.requests;
  auto answer = co_await call(changes, not_after);
  if (answer) {
    statistics.consumed_units += answer->consumed_units;
    const bool nothing_written = answer->unprocessed.size() == changes.size();
    // Some services that speak this API never say what they consumed: then the estimate must do.
    const bool untold = answer->consumed_units == 0 && !nothing_written;
    // A request that was served in part tells the cost of no change in particular.
    const auto written = answer->unprocessed.empty() ? changes : Changes{};
    if (reservation) reservation->settle(written, untold ? reservation->units() : answer->consumed_units);
  } else if (answer.error().not_applied) {
    if (reservation) reservation->settle({}, 0);
  }
  co_return answer;
}

bool TableSink::Impl::settle_error(Range range, const Error& error, std::vector<Outcome>& outcomes) {
  if (blame_of(error) == Blame::kNobody) {
    if (error.error_class == ErrorClass::kThrottled) ++statistics.throttled;
    for (std::size_t i = range.begin; i < range.end; ++i) outcomes[i] = TryAgain{error};
    return true;
  }
  if (range.size() > 1) return false;
  outcomes[range.begin] = Rejected{error};
  return true;
}

TableSink::TableSink(Options options, aws::DynamoDbClient& client, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), client, clock)) {}

TableSink::~TableSink() = default;

ChangeSink::Limits TableSink::limits() const {
  Limits limits{.max_changes = kMaxBatch, .max_bytes = kMaxBatchBytes - kMaxBatch * kBytesPerChange};
  if (impl_->options.max_write_units) {
    // Each change consumes a unit or more; a `write` that waited for many seconds' units would only hold its changes.
    const auto share = static_cast<std::size_t>(*impl_->options.max_write_units * WriteBudget::kShareSeconds);
    limits.max_changes = std::clamp<std::size_t>(share, 1, kMaxBatch);
  }
  return limits;
}

std::string TableSink::describe() const { return impl_->target; }

const TableSink::Statistics& TableSink::statistics() const {
  if (impl_->budget) impl_->statistics.waited_for_budget = impl_->budget->waited();
  return impl_->statistics;
}

async::Task<Result<std::vector<Outcome>>> TableSink::write(Changes changes, SteadyTime not_after) {
  assert(changes.size() <= kMaxBatch);
  for (const model::Change* change : changes) {
    if (change->is_key_only()) co_return std::unexpected(image_unknown(impl_->target, *change));
  }
  std::vector<Outcome> outcomes(changes.size(), Outcome{Applied{}});
  std::vector<Impl::Range> left{{0, changes.size()}};
  // Each turn settles a range or cuts it: at most 2 · 25 turns.
  while (!left.empty()) {
    Impl::Range range = left.back();
    left.pop_back();
    if (range.size() == 0) continue;
    if (impl_->budget) {
      const std::size_t share = impl_->budget->share(changes.subspan(range.begin, range.size()));
      if (share < range.size()) left.push_back({range.begin + share, range.end});
      range.end = std::min(range.end, range.begin + share);
    }
    const auto answer = co_await impl_->send(changes.subspan(range.begin, range.size()), not_after);
    if (answer) {
      impl_->statistics.unprocessed += answer->unprocessed.size();
      for (const std::size_t i : answer->unprocessed) outcomes[range.begin + i] = unprocessed(impl_->target);
    } else if (blame_of(answer.error()) == Blame::kEverything) {
      co_return std::unexpected(answer.error());
    } else if (!impl_->settle_error(range, answer.error(), outcomes)) {
      ++impl_->statistics.splits;
      const std::size_t middle = range.begin + range.size() / 2;
      left.push_back({middle, range.end});
      left.push_back({range.begin, middle});
    }
  }
  co_return outcomes;
}

}  // namespace dynamirror::sink
