// SPDX-License-Identifier: Apache-2.0
//
// Goal: of a source that tells keys only, no key stays behind its last change: its read never begins before the newest
// waiting change of the key was taken. Method: the real pipeline over the sink that reads; the primary changes, and
// says so, while a read of the very same keys is under way.
#include <gtest/gtest.h>

#include "pipeline/pipeline.hpp"
#include "sink/present_items.hpp"
#include "support/played_primary.hpp"
#include "support/run_task.hpp"

namespace dynamirror::jobs {
namespace {

constexpr std::uint64_t kKeys = 6;

std::string id_of(std::uint64_t key) { return "k" + std::to_string(key); }
std::string key_text(const std::string& id) { return R"({"id":{"S":")" + id + "\"}}"; }

/// The replica; its writes take their time, too.
class Replica final : public sink::ChangeSink {
 public:
  std::map<std::string, std::string> items;
  std::set<std::string> being_written;
  std::uint64_t refusals = 0;
  Random random{7};

  [[nodiscard]] Limits limits() const override { return {.max_changes = 3}; }
  [[nodiscard]] async::Task<Result<std::vector<sink::Outcome>>> write(std::span<const model::Change* const> changes,
                                                                      SteadyTime) override {
    for (const model::Change* change : changes) EXPECT_TRUE(being_written.emplace(change->key()).second);
    co_await async::sleep_for(std::chrono::microseconds(random.below(2'000)));
    std::vector<sink::Outcome> outcomes;
    for (const model::Change* change : changes) {
      being_written.erase(std::string(change->key()));
      if (random.chance(0.1)) {
        ++refusals;
        outcomes.emplace_back(sink::TryAgain{Error{.error_class = ErrorClass::kTransient,
                                                   .doing = "write",
                                                   .resource = {},
                                                   .code = {},
                                                   .message = "as told"}});
        continue;
      }
      if (change->is_delete()) {
        items.erase(std::string(change->key()));
      } else {
        items[std::string(change->key())] = change->image();
      }
      outcomes.emplace_back(sink::Applied{});
    }
    co_return outcomes;
  }
  [[nodiscard]] std::string describe() const override { return "the replica"; }
};

/// A primary whose items change while they are read, until `changes` of them were made.
struct Churn {
  support::PlayedPrimary primary;
  Random random{3};
  std::uint64_t made = 0;
  std::uint64_t most = 2'000;
  Pipeline* pipeline = nullptr;
  Pipeline::ShardHandle shard = 0;

  void change_some() {
    for (std::uint64_t left = random.below(4); left > 0 && made < most; --left) {
      const std::string id = id_of(random.below(kKeys));
      ++made;
      if (random.chance(0.3)) {
        primary.items.erase(id);
      } else {
        primary.items[id] = R"({"id":{"S":")" + id + R"("},"n":{"N":")" + std::to_string(made) + "\"}}";
      }
      pipeline->push(shard, model::Change::of_key(key_text(id), model::SequenceNumber::of(made), {}));
    }
    pipeline->wake_writers();
  }
};

async::Task<> replicate(Churn* churn, Replica* replica) {
  const auto executor = co_await boost::asio::this_coro::executor;
  Random random{5};
  Ending ending;
  sink::PresentItems sink({.table = TableName("Primary"), .key = {{"id", "S"}, {}}}, churn->primary.client(), *replica,
                          system_clock(), random);
  Pipeline pipeline({sink, nullptr, system_clock(), random, executor, ending}, {});
  churn->pipeline = &pipeline;
  churn->shard = pipeline.add_shard();
  pipeline.start();
  while (churn->made < churn->most) {
    churn->change_some();
    co_await async::sleep_for(std::chrono::microseconds(200));
  }
  co_await pipeline.drain();
  const auto& counters = pipeline.counters();
  EXPECT_EQ(counters.read, churn->most);
  EXPECT_EQ(counters.read, counters.applied + counters.superseded);
  EXPECT_GT(counters.superseded, 0u) << "the keys are few: some must have met";
  co_await pipeline.stop();
  churn->pipeline = nullptr;
}

async::Task<> change_before_the_answer(Churn* churn) {
  if (churn->pipeline != nullptr) churn->change_some();
  co_await async::sleep_for(std::chrono::microseconds(churn->random.below(1'500)));
}

TEST(KeysOnly, TheReplicaEqualsAPrimaryThatChangesWhileItIsRead) {
  Churn churn;
  Replica replica;
  churn.primary.before_answer = [&churn] { return change_before_the_answer(&churn); };
  support::run_task(replicate(&churn, &replica));
  EXPECT_GT(replica.refusals, 0u);
  std::map<std::string, std::string> expected;
  for (const auto& [id, item] : churn.primary.items) expected[key_text(id)] = item;
  EXPECT_EQ(replica.items, expected);
}

}  // namespace
}  // namespace dynamirror::jobs
