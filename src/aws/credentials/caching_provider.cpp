// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/caching_provider.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace dynamirror::aws {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::minutes kAdvisoryWindow{5};
constexpr std::chrono::minutes kMandatoryWindow{1};
constexpr milliseconds kShortestRest{250};
/// A source that hands out credentials which are due for renewal already (a process with a cache of its own, say) is
/// asked again no faster than this, not at every request.
constexpr std::chrono::seconds kRestAfterShortLived{10};
constexpr std::chrono::seconds kRestAfterExpired{60};

/// Lowers the flag and wakes the waiters however the fetch ends: if its task is cancelled, a waiter takes over.
class RefreshGuard {
 public:
  RefreshGuard(bool& refreshing, async::Signal& refreshed) : refreshing_(refreshing), refreshed_(refreshed) {
    refreshing_ = true;
  }
  ~RefreshGuard() {
    refreshing_ = false;
    refreshed_.notify();
  }
  RefreshGuard(const RefreshGuard&) = delete;
  RefreshGuard& operator=(const RefreshGuard&) = delete;

 private:
  bool& refreshing_;
  async::Signal& refreshed_;
};

}  // namespace

CachingProvider::CachingProvider(std::unique_ptr<CredentialsSource> source, const Clock& clock, Random& random)
    : source_(std::move(source)),
      clock_(clock),
      random_(random),
      backoff_({.base = milliseconds(1'000), .cap = milliseconds(60'000)}) {}

CachingProvider::Age CachingProvider::age() const {
  if (!cached_) return Age::kMissing;
  if (!cached_->expires) return Age::kFresh;
  const auto left = *cached_->expires - clock_.wall_now();
  if (left <= kMandatoryWindow) return Age::kEnding;
  return left <= kAdvisoryWindow ? Age::kAging : Age::kFresh;
}

async::Task<Result<Credentials>> CachingProvider::get() {
  for (;;) {  // each turn returns or waits for a fetch, and a fetch ends in credentials or in a rest
    const Age before = age();
    if (before == Age::kFresh) co_return *cached_;
    if (cached_ && (resting() || (refreshing_ && before == Age::kAging))) co_return *cached_;
    if (resting()) co_return std::unexpected(*failure_);
    if (refreshing_) {
      co_await refreshed_.wait();
      continue;
    }
    co_await refresh();
    if (failure_ && !cached_) co_return std::unexpected(*failure_);
    if (failure_) log::warning("credentials were not renewed, the old ones serve on", {{"error", to_line(*failure_)}});
    co_return *cached_;
  }
}

async::Task<> CachingProvider::refresh() {
  const RefreshGuard guard(refreshing_, refreshed_);
  auto fetched = co_await source_->fetch();
  if (!fetched) {
    failure_ = std::move(fetched.error());
    rest_for(std::max<Duration>(kShortestRest, backoff_.next(random_)));
    co_return;
  }
  failure_.reset();
  backoff_.reset();
  // Those that we have may be better than what a service in trouble gives.
  const bool better = !cached_ || !cached_->expires || !fetched->expires || *fetched->expires >= *cached_->expires;
  if (better) cached_ = std::move(*fetched);
  const bool expired = cached_->expires && *cached_->expires <= clock_.wall_now();
  if (expired) {
    log::warning("the credentials have expired by this machine's clock; the service decides whether they still hold",
                 {{"source", source_->describe()}});
  }
  const Duration rest = expired ? kRestAfterExpired : kRestAfterShortLived;
  rest_for(age() == Age::kFresh ? Duration::zero() : rest);
  log::debug("credentials fetched", {{"source", source_->describe()}, {"access_key_id", cached_->access_key_id}});
}

void CachingProvider::rest_for(Duration pause) {
  rest_until_ = clock_.steady_now() + pause;
  rest_until_wall_ = clock_.wall_now() + std::chrono::duration_cast<WallTime::duration>(pause);
}

void CachingProvider::invalidate() {
  cached_.reset();
  failure_.reset();
  rest_for(Duration::zero());
}

}  // namespace dynamirror::aws
