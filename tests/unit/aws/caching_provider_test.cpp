// SPDX-License-Identifier: Apache-2.0
//
// Goal: credentials are renewed before they end, once at a time, and a source in trouble is neither hammered nor fatal.
// Method: a source under the test's control, and a clock that moves when told.
#include "aws/credentials/caching_provider.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <deque>

#include "async/task_group.hpp"
#include "support/run_task.hpp"

namespace dynamirror::aws {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using support::run_task;

/// Gives what is in its list, one after the other; a fetch can be made to wait.
class ScriptedSource final : public CredentialsSource {
 public:
  explicit ScriptedSource(const Clock& clock) : clock_(clock) {}

  void succeed(std::string id, std::optional<Duration> life = std::nullopt) {
    Credentials credentials{.access_key_id = std::move(id), .secret_access_key = Secret("s"), .session_token = {}};
    if (life) credentials.expires = clock_.wall_now() + std::chrono::duration_cast<WallTime::duration>(*life);
    outcomes_.push_back(std::move(credentials));
  }
  void fail() { outcomes_.push_back(failure(ErrorClass::kTransient, "get credentials", "here", "out of order")); }

  async::Task<Result<Credentials>> fetch() override {
    ++fetches;
    while (held) co_await changed.wait();
    EXPECT_FALSE(outcomes_.empty()) << "fetched more often than expected";
    if (outcomes_.empty()) co_return failure(ErrorClass::kFatal, "", "", "");
    auto outcome = std::move(outcomes_.front());
    outcomes_.pop_front();
    co_return outcome;
  }
  std::string describe() const override { return "a script"; }

  int fetches = 0;
  bool held = false;
  async::Signal changed;

 private:
  const Clock& clock_;
  std::deque<Result<Credentials>> outcomes_;
};

class CachingProviderTest : public ::testing::Test {
 protected:
  /// The access key id, or the error's message.
  std::string get() {
    const auto credentials = run_task(provider_.get());
    return credentials ? credentials->access_key_id : credentials.error().message;
  }

  ManualClock clock_;
  Random random_{1};
  ScriptedSource* source_ = new ScriptedSource(clock_);
  CachingProvider provider_{std::unique_ptr<CredentialsSource>(source_), clock_, random_};
};

TEST_F(CachingProviderTest, KeepsLongTermKeysForEver) {
  source_->succeed("A");
  EXPECT_EQ(get(), "A");
  clock_.advance(std::chrono::hours(10'000));
  EXPECT_EQ(get(), "A");
  EXPECT_EQ(source_->fetches, 1);
}

TEST_F(CachingProviderTest, RenewsTemporaryKeysFiveMinutesBeforeTheyEnd) {
  source_->succeed("A", minutes(60));
  EXPECT_EQ(get(), "A");
  clock_.advance(minutes(54));
  EXPECT_EQ(get(), "A");
  clock_.advance(minutes(1));
  source_->succeed("B", minutes(60));
  EXPECT_EQ(get(), "B");
  EXPECT_EQ(source_->fetches, 2);
}

// A credential process that keeps its own cache gives keys with four minutes left: running it at every request would
// start a process thousands of times a second.
TEST_F(CachingProviderTest, AsksASourceOfKeysThatAreDueAlreadyNoFasterThanTheRest) {
  source_->succeed("A", minutes(4));
  for (int request = 0; request < 100; ++request) EXPECT_EQ(get(), "A");
  EXPECT_EQ(source_->fetches, 1);
  clock_.advance(seconds(11));
  source_->succeed("B", minutes(60));
  EXPECT_EQ(get(), "B");
  EXPECT_EQ(source_->fetches, 2);
}

TEST_F(CachingProviderTest, ServesTheOldKeysWhenRenewingFailsAndRestsBetweenTries) {
  source_->succeed("A", minutes(60));
  EXPECT_EQ(get(), "A");
  clock_.advance(minutes(56));
  source_->fail();
  EXPECT_EQ(get(), "A");
  EXPECT_EQ(get(), "A");
  EXPECT_EQ(source_->fetches, 2) << "no second try within the rest";
  clock_.advance(seconds(2));
  source_->succeed("B", minutes(60));
  EXPECT_EQ(get(), "B");
}

TEST_F(CachingProviderTest, ServesTheOldKeysInTheirLastMinuteAndBeyondWhileRenewingFails) {
  source_->succeed("A", minutes(60));
  EXPECT_EQ(get(), "A");
  clock_.advance(minutes(59) + seconds(1));
  source_->fail();
  EXPECT_EQ(get(), "A");
  EXPECT_EQ(get(), "A") << "without another fetch";
  EXPECT_EQ(source_->fetches, 2);
  clock_.advance(minutes(2));
  source_->fail();
  EXPECT_EQ(get(), "A") << "the service decides";
  clock_.advance(minutes(2));
  source_->succeed("B", minutes(60));
  EXPECT_EQ(get(), "B");
}

TEST_F(CachingProviderTest, RestsLongerAfterEachFailureUpToAMinute) {
  for (int i = 0; i < 40; ++i) {
    source_->fail();
    EXPECT_EQ(get(), "out of order");
    EXPECT_EQ(source_->fetches, i + 1);
    EXPECT_EQ(get(), "out of order");
    EXPECT_EQ(source_->fetches, i + 1);
    clock_.advance(seconds(61));
  }
}

TEST_F(CachingProviderTest, ARestIsOverAfterAFreezeInWhichTheSteadyClockStoodStill) {
  source_->fail();
  EXPECT_EQ(get(), "out of order");
  clock_.jump_wall(seconds(61));
  source_->succeed("A");
  EXPECT_EQ(get(), "A");
}

TEST_F(CachingProviderTest, FetchesAnewAfterTheServiceRefusedTheKeys) {
  source_->succeed("A");
  EXPECT_EQ(get(), "A");
  provider_.invalidate();
  source_->succeed("B");
  EXPECT_EQ(get(), "B");
}

TEST_F(CachingProviderTest, GivesKeysThatHaveEndedAlreadyAndGoesOnAsking) {
  source_->succeed("A", minutes(-1));
  for (int request = 0; request < 100; ++request) EXPECT_EQ(get(), "A");
  EXPECT_EQ(source_->fetches, 1);
  clock_.advance(seconds(61));
  source_->succeed("B", minutes(60));
  EXPECT_EQ(get(), "B");
}

TEST_F(CachingProviderTest, KeepsTheKeysThatEndLater) {
  source_->succeed("A", minutes(60));
  EXPECT_EQ(get(), "A");
  clock_.advance(minutes(56));
  source_->succeed("old", minutes(-1));
  EXPECT_EQ(get(), "A");
}

TEST_F(CachingProviderTest, GivesNobodyTheOldKeysOnceTheServiceRefusedThem) {
  source_->succeed("A", minutes(60));
  EXPECT_EQ(get(), "A");
  provider_.invalidate();
  source_->fail();
  EXPECT_EQ(get(), "out of order");
}

TEST_F(CachingProviderTest, DoesNotHammerASourceThatGivesKeysAboutToEnd) {
  source_->succeed("A", seconds(50));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(get(), "A");
  EXPECT_EQ(source_->fetches, 1);
  clock_.advance(seconds(11));
  source_->succeed("B", minutes(60));
  EXPECT_EQ(get(), "B");
}

async::Task<> get_into(CachingProvider& provider, std::vector<std::string>& results) {
  const auto credentials = co_await provider.get();
  results.push_back(credentials ? credentials->access_key_id : credentials.error().message);
}

async::Task<> let_others_run() {
  for (int i = 0; i < 10; ++i) {
    co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
  }
}

async::Task<> get_while_held(CachingProvider& provider, ScriptedSource& source, std::vector<std::string>& results,
                             int callers) {
  async::TaskGroup group(co_await boost::asio::this_coro::executor);
  source.held = true;
  for (int i = 0; i < callers; ++i) group.spawn(get_into(provider, results));
  co_await let_others_run();
  EXPECT_EQ(source.fetches, 1);
  source.held = false;
  source.changed.notify();
  co_await group.join();
}

TEST_F(CachingProviderTest, FetchesOnceForAllWhoWait) {
  source_->succeed("A", minutes(60));
  std::vector<std::string> results;
  run_task(get_while_held(provider_, *source_, results, 20));
  EXPECT_EQ(results, std::vector<std::string>(20, "A"));
  EXPECT_EQ(source_->fetches, 1);
}

TEST_F(CachingProviderTest, SharesAFailureWithAllWhoWait) {
  source_->fail();
  std::vector<std::string> results;
  run_task(get_while_held(provider_, *source_, results, 20));
  EXPECT_EQ(results, std::vector<std::string>(20, "out of order"));
  EXPECT_EQ(source_->fetches, 1);
}

async::Task<> get_while_aging(CachingProvider& provider, ScriptedSource& source, std::vector<std::string>& results) {
  async::TaskGroup group(co_await boost::asio::this_coro::executor);
  source.held = true;
  group.spawn(get_into(provider, results));
  co_await let_others_run();
  EXPECT_TRUE(results.empty()) << "the first caller renews";
  co_await get_into(provider, results);
  EXPECT_EQ(results, std::vector<std::string>{"A"}) << "the others go on with the old keys meanwhile";
  source.held = false;
  source.changed.notify();
  co_await group.join();
}

TEST_F(CachingProviderTest, LetsOthersGoOnWithTheOldKeysWhileTheyAreRenewed) {
  source_->succeed("A", minutes(60));
  EXPECT_EQ(get(), "A");
  clock_.advance(minutes(57));
  source_->succeed("B", minutes(60));
  std::vector<std::string> results;
  run_task(get_while_aging(provider_, *source_, results));
  EXPECT_EQ(results, (std::vector<std::string>{"A", "B"}));
}

async::Task<> cancel_the_one_who_fetches(CachingProvider& provider, ScriptedSource& source,
                                         std::vector<std::string>& results) {
  async::TaskGroup first(co_await boost::asio::this_coro::executor);
  async::TaskGroup second(co_await boost::asio::this_coro::executor);
  source.held = true;
  first.spawn(get_into(provider, results));
  co_await let_others_run();
  second.spawn(get_into(provider, results));
  co_await let_others_run();
  first.cancel();
  co_await first.join();
  source.held = false;
  source.changed.notify();
  co_await second.join();
}

TEST_F(CachingProviderTest, LetsAWaiterTakeOverWhenTheOneWhoFetchesIsCancelled) {
  source_->succeed("A");
  std::vector<std::string> results;
  run_task(cancel_the_one_who_fetches(provider_, *source_, results));
  EXPECT_EQ(results, std::vector<std::string>{"A"});
  EXPECT_EQ(source_->fetches, 2);
}

}  // namespace
}  // namespace dynamirror::aws
