// SPDX-License-Identifier: Apache-2.0
//
// Goal: the limit finds what serves the target best, whatever the target is like, and follows it when it changes.
// Method: a simulated server with a known best, in virtual time, with noise from a seed; the client always has work.
// `DYNAMIRROR_TEST_SEEDS=N` runs N seeds.
#include "async/concurrency_limit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <queue>
#include <string>
#include <vector>

#include "base/random.hpp"

namespace dynamirror::async {
namespace {

using Outcome = ConcurrencyLimit::Outcome;
using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A server of `workers` that each serve one request at a time (others queue), and that may refuse what comes in faster
/// than `refuse_above` a second.
class Simulation {
 public:
  struct Server {
    std::size_t workers = 1'000'000;
    double service_seconds = 0.010;
    double refuse_above = 1e9;
  };

  Simulation(Server server, ConcurrencyLimit::Options options, std::uint64_t seed)
      : server_(server), limit_(options), random_(seed) {}

  struct Result {
    double per_second = 0;
    double latency_seconds = 0;
    double mean_limit = 0;
    std::size_t largest_limit = 0;
    double refused_share = 0;
  };

  /// Runs for that long in virtual time, with always more to send.
  Result run(double for_seconds) {
    const double end = now_ + for_seconds;
    Result result;
    std::size_t done = 0;
    std::size_t refused = 0;
    double latency = 0;
    double limit_sum = 0;
    std::size_t samples = 0;
    while (now_ < end) {
      while (limit_.may_start()) start();
      const Request request = requests_.top();
      requests_.pop();
      now_ = request.ends;
      limit_.finished(as_duration(now_ - request.begins), request.refused ? Outcome::kThrottled : Outcome::kDone,
                      time());
      if (request.refused) {
        ++refused;
      } else {
        ++done;
        latency += now_ - request.begins;
      }
      limit_sum += static_cast<double>(limit_.limit());
      ++samples;
      result.largest_limit = std::max(result.largest_limit, limit_.limit());
    }
    result.per_second = static_cast<double>(done) / for_seconds;
    result.latency_seconds = latency / static_cast<double>(std::max<std::size_t>(done, 1));
    result.mean_limit = limit_sum / static_cast<double>(samples);
    result.refused_share = static_cast<double>(refused) / static_cast<double>(refused + done);
    return result;
  }

  void change(Server server) {
    server_ = server;
    free_at_ = {};
  }
  ConcurrencyLimit& limit() { return limit_; }

 private:
  struct Request {
    double begins;
    double ends;
    bool refused;
    bool operator>(const Request& other) const { return ends > other.ends; }
  };

  static Duration as_duration(double s) { return std::chrono::duration_cast<Duration>(duration<double>(s)); }
  [[nodiscard]] SteadyTime time() const { return SteadyTime(as_duration(now_)); }

  void start() {
    limit_.started();
    tokens_ = std::min(server_.refuse_above * 0.05, tokens_ + (now_ - tokens_at_) * server_.refuse_above);
    tokens_at_ = now_;
    if (tokens_ < 1 && server_.refuse_above < 1e9) {
      requests_.push({now_, now_ + 0.002, true});
      return;
    }
    tokens_ -= 1;
    const double service = server_.service_seconds * (0.5 + random_.unit());
    // The worker that is free first takes it.
    double begin = now_;
    if (free_at_.size() >= server_.workers) {
      begin = std::max(now_, free_at_.top());
      free_at_.pop();
    }
    free_at_.push(begin + service);
    requests_.push({now_, begin + service, false});
  }

  Server server_;
  ConcurrencyLimit limit_;
  Random random_;
  double now_ = 1;
  double tokens_ = 0;
  double tokens_at_ = 1;
  std::priority_queue<Request, std::vector<Request>, std::greater<>> requests_;
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at_;
};

class ConcurrencyLimitSeeds : public ::testing::TestWithParam<int> {
 protected:
  [[nodiscard]] std::uint64_t seed() const { return static_cast<std::uint64_t>(GetParam()); }
};

/// A few always; `./dev sim` and `./dev test --full` run them all.
int seeds_to_run() {
  constexpr int kFew = 5;
  const char* text = std::getenv("DYNAMIRROR_TEST_SEEDS");
  return text != nullptr && *text != '\0' ? std::stoi(text) : kFew;
}
INSTANTIATE_TEST_SUITE_P(Seeds, ConcurrencyLimitSeeds, ::testing::Range(1, 1 + seeds_to_run()));

TEST_P(ConcurrencyLimitSeeds, ComesWithinAFifthOfTheBestThroughputWithoutQueueingMore) {
  for (const std::size_t workers : {3u, 10u, 20u, 45u}) {
    Simulation simulation({.workers = workers}, {.initial = 4, .max = 200}, seed());
    simulation.run(10);  // to find its place
    const auto result = simulation.run(60);
    const double best = static_cast<double>(workers) / 0.010;
    EXPECT_GT(result.per_second, 0.8 * best) << workers << " workers";
    EXPECT_LT(result.latency_seconds, 2 * 0.010) << workers << " workers";
  }
}

TEST_P(ConcurrencyLimitSeeds, UsesAllItIsAllowedWhenTheTargetBearsIt) {
  Simulation simulation({}, {.initial = 4, .max = 64}, seed());
  simulation.run(5);
  const auto result = simulation.run(30);
  EXPECT_GT(result.per_second, 0.85 * 64 / 0.010);
  EXPECT_LE(result.largest_limit, 64u);
}

TEST_P(ConcurrencyLimitSeeds, DoublesUntilItDoesNotPayAnyMore) {
  Simulation simulation({.workers = 45}, {.initial = 1, .max = 200}, seed());
  simulation.run(1);
  EXPECT_GE(simulation.limit().limit(), 25u) << "one second must do for slow start at 10 ms a request";
}

TEST_P(ConcurrencyLimitSeeds, StaysJustBelowWhatAThrottlingTargetBears) {
  Simulation simulation({.refuse_above = 2'000}, {.initial = 4, .max = 200}, seed());
  simulation.run(10);
  const auto result = simulation.run(60);
  EXPECT_GT(result.per_second, 0.7 * 2'000);
  EXPECT_LT(result.refused_share, 0.05);
  EXPECT_LT(result.mean_limit, 1.3 * 2'000 * 0.010);
}

TEST_P(ConcurrencyLimitSeeds, FollowsATargetThatBecomesSlowerAndFasterAgain) {
  Simulation simulation({.workers = 40}, {.initial = 4, .max = 200}, seed());
  simulation.run(10);
  simulation.change({.workers = 8});
  simulation.run(5);
  const auto slower = simulation.run(30);
  EXPECT_GT(slower.per_second, 0.8 * 800);
  EXPECT_LT(slower.latency_seconds, 2.5 * 0.010);
  simulation.change({.workers = 40});
  simulation.run(30);
  EXPECT_GT(simulation.run(30).per_second, 0.8 * 4'000);
}

SteadyTime at(int ms) { return SteadyTime(seconds(100) + milliseconds(ms)); }

TEST(ConcurrencyLimit, ShrinksOnceForOneBurstOfThrottledAnswers) {
  ConcurrencyLimit limit({.initial = 40, .max = 64});
  for (int i = 0; i < 40; ++i) limit.started();
  for (int i = 0; i < 40; ++i) limit.finished(milliseconds(50), Outcome::kThrottled, at(50 + i));
  EXPECT_EQ(limit.limit(), 28u);
  EXPECT_EQ(limit.cuts(), 1u);

  limit.started();
  limit.finished(milliseconds(10), Outcome::kThrottled, at(200));
  EXPECT_EQ(limit.cuts(), 2u) << "a request sent after the cut tells that it was not enough";
}

TEST(ConcurrencyLimit, NeverShrinksBelowOne) {
  ConcurrencyLimit limit({.initial = 4, .max = 64});
  for (int i = 0; i < 100; ++i) {
    limit.started();
    limit.finished(milliseconds(1), Outcome::kThrottled, at(i * 10));
    ASSERT_GE(limit.limit(), 1u);
  }
  EXPECT_TRUE(limit.may_start());
}

TEST(ConcurrencyLimit, OverlooksASingleFailureButNotSeveralInARow) {
  ConcurrencyLimit limit({.initial = 10, .max = 64});
  auto one = [&, t = 0](Outcome outcome) mutable {
    limit.started();
    limit.finished(milliseconds(1), outcome, at(t += 10));
  };
  one(Outcome::kFailed);
  one(Outcome::kFailed);
  one(Outcome::kDone);
  one(Outcome::kFailed);
  EXPECT_EQ(limit.limit(), 10u);
  one(Outcome::kFailed);
  one(Outcome::kFailed);
  EXPECT_EQ(limit.limit(), 7u);
}

TEST(ConcurrencyLimit, DoesNotGrowWhileTheCallerHasLittleToSend) {
  ConcurrencyLimit limit({.initial = 4, .max = 64});
  for (int i = 0; i < 1'000; ++i) {
    limit.started();
    limit.finished(milliseconds(5), Outcome::kDone, at(i * 10));
  }
  EXPECT_EQ(limit.limit(), 4u) << "one request at a time says nothing about four";
}

TEST(ConcurrencyLimit, CountsWhatIsUnderWay) {
  ConcurrencyLimit limit({.initial = 2, .max = 2});
  limit.started();
  EXPECT_TRUE(limit.may_start());
  limit.started();
  EXPECT_FALSE(limit.may_start());
  limit.finished(milliseconds(1), Outcome::kDone, at(1));
  EXPECT_TRUE(limit.may_start());
  EXPECT_EQ(limit.in_flight(), 1u);
}

}  // namespace
}  // namespace dynamirror::async
