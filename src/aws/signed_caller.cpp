// SPDX-License-Identifier: Apache-2.0
#include "aws/signed_caller.hpp"

#include <utility>

#include "async/sleep.hpp"
#include "aws/impl/clock_skew.hpp"
#include "aws/signing/signer.hpp"
#include "base/log.hpp"

namespace dynamirror::aws {
namespace {

/// A failure below HTTP, in the words of the call.
Error explain(Error error, const SignedCaller::Call& call) {
  if (!error.resource.empty()) error.message += " (" + error.resource + ")";
  error.doing = words_of(call.operation);
  error.resource = std::string(call.resource);
  return error;
}

std::string request_id_of(const http::Response& response) {
  for (const std::string_view name : {"x-amzn-requestid", "x-amz-request-id"}) {
    if (const auto id = response.header(name)) return std::string(*id);
  }
  return {};
}

/// New keys may be refused, too, while a change of identity spreads, and a call that is retried for long may outlive
/// several sets, or meet a refusal of good ones more than once.
constexpr int kMaxRenewals = 3;
constexpr std::chrono::milliseconds kBetweenRenewals{200};

/// What one call has already tried besides waiting.
struct Repairs {
  bool corrected_clock = false;
  int renewed_credentials = 0;
};

struct Attempt {
  Result<http::Response> result;
  Credentials keys;              ///< what it was signed with
  bool clock_corrected = false;  ///< refused for its time, and the clock's error is known now
};

void log_attempt(const SignedCaller::Call& call, int number, const Attempt& attempt, Duration took) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  if (attempt.result) {
    log::debug("aws request", {{"operation", std::string(call.operation)},
                               {"resource", std::string(call.resource)},
                               {"attempt", std::to_string(number)},
                               {"ms", std::to_string(ms)},
                               {"bytes", std::to_string(attempt.result->body.size())},
                               {"request_id", request_id_of(*attempt.result)}});
    return;
  }
  const Error& error = attempt.result.error();
  log::debug("aws request failed", {{"operation", std::string(call.operation)},
                                    {"resource", std::string(call.resource)},
                                    {"attempt", std::to_string(number)},
                                    {"ms", std::to_string(ms)},
                                    {"class", std::string(to_string(error.error_class))},
                                    {"code", error.code},
                                    {"status", std::to_string(error.http_status)},
                                    {"request_id", error.request_id}});
}

}  // namespace

std::string words_of(std::string_view operation) {
  std::string words;
  for (const char c : operation) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !words.empty()) words += ' ';
    words += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return words;
}

struct SignedCaller::Impl {
  Impl(Options given, http::Transport& transport_in, CredentialsProvider& credentials_in, const Clock& clock_in,
       Random& random_in)
      : options(std::move(given)),
        transport(transport_in),
        credentials(credentials_in),
        clock(clock_in),
        random(random_in),
        signer(Signer::Options{.region = options.region.str(), .service = options.service}) {}

  async::Task<Attempt> attempt(const Call& call, int number);
  async::Task<bool> repair(const Error& error, const Attempt& attempt, Repairs& repairs);
  Error give_up(Error error) const;

  const Options options;
  http::Transport& transport;
  CredentialsProvider& credentials;
  const Clock& clock;
  Random& random;
  Signer signer;
  async::RetryBudget budget;
  ClockSkew skew;
  Statistics statistics;
};

async::Task<Attempt> SignedCaller::Impl::attempt(const Call& call, int number) {
  Attempt attempt;
  const SteadyTime begun = clock.steady_now();
  auto keys = co_await credentials.get();
  if (!keys) {
    // Without credentials nothing was sent; the provider's own words are the most useful ones.
    attempt.result = std::unexpected(std::move(keys.error()));
    attempt.result.error().not_applied = true;
    co_return attempt;
  }
  const WallTime signed_at = skew.corrected(clock.wall_now());
  signer.sign(call.request, *keys, signed_at);
  attempt.keys = std::move(*keys);

  ++statistics.requests;
  statistics.bytes_sent += call.request.body.size();
  auto response = co_await transport.send(call.request, call.send);
  if (!response) {
    attempt.result = std::unexpected(explain(std::move(response.error()), call));
  } else {
    statistics.bytes_received += response->body.size();
    Status accepted = call.accept(*response);
    if (accepted) {
      attempt.result = std::move(*response);
    } else {
      attempt.result = std::unexpected(std::move(accepted.error()));
      if (attempt.result.error().wrong_clock) {
        attempt.clock_corrected = skew.learn(*response, signed_at, clock.wall_now());
      }
    }
  }
  if (log::enabled(log::Level::kDebug)) log_attempt(call, number, attempt, clock.steady_now() - begun);
  co_return attempt;
}

/// Removes the reason of a refusal where that is in our power; true when the same call is worth another attempt.
async::Task<bool> SignedCaller::Impl::repair(const Error& error, const Attempt& attempt, Repairs& repairs) {
  if (attempt.clock_corrected && !std::exchange(repairs.corrected_clock, true)) co_return true;
  if (error.error_class == ErrorClass::kExpiredCredentials && repairs.renewed_credentials < kMaxRenewals) {
    if (repairs.renewed_credentials++ > 0) co_await async::sleep_for(kBetweenRenewals);
    // Many requests signed with the same keys are refused together: only the first may throw them away.
    const auto current = co_await credentials.get();
    if (current && same_keys(*current, attempt.keys)) credentials.invalidate();
    co_return true;
  }
  co_return false;
}

SignedCaller::SignedCaller(Options options, http::Transport& transport, CredentialsProvider& credentials,
                           const Clock& clock, Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), transport, credentials, clock, random)) {}

SignedCaller::~SignedCaller() = default;

/// The error of the last attempt, with what helps.
Error SignedCaller::Impl::give_up(Error error) const {
  if (error.wrong_clock) error.message += "; check this machine's clock";
  if (error.error_class == ErrorClass::kExpiredCredentials) {
    error.message += "; renew the credentials (they came from " + credentials.describe() + ")";
  }
  return error;
}

async::Task<Result<http::Response>> SignedCaller::call(Call call) {
  Impl& impl = *impl_;
  async::RetryPolicy policy = impl.options.retry;
  if (call.max_attempts > 0) policy.max_attempts = call.max_attempts;
  if (!call.request.idempotent) policy.worth_another = async::is_safe_to_repeat;
  const async::RetryBounds bounds{.budget = &impl.budget, .not_after = call.send.not_after};
  async::Retry retry(policy, impl.clock, impl.random, bounds);
  Repairs repairs;
  bool not_applied = true;

  // Bounded by the retry's own limits, and by the number of repairs.
  for (int number = 1;; ++number) {
    Attempt attempt = co_await impl.attempt(call, number);
    if (attempt.result) {
      impl.budget.refill();
      co_return std::move(attempt.result);
    }
    Error error = std::move(attempt.result.error());
    const bool throttled = error.error_class == ErrorClass::kThrottled;
    if (throttled) ++impl.statistics.throttled;
    not_applied = not_applied && error.not_applied;
    error.not_applied = not_applied;

    const bool repaired = co_await impl.repair(error, attempt, repairs);
    if (repaired && impl.clock.steady_now() >= call.send.not_after) {
      error.error_class = ErrorClass::kTransient;  // only time was short: what was wrong has been mended
      co_return std::unexpected(std::move(error));
    }
    bool again = repaired;
    if (!repaired && !(throttled && call.return_throttling)) again = co_await retry.again(error);
    if (!again) co_return std::unexpected(impl.give_up(std::move(error)));
    ++impl.statistics.retries;
  }
}

const SignedCaller::Statistics& SignedCaller::statistics() const { return impl_->statistics; }

}  // namespace dynamirror::aws
