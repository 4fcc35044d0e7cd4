// SPDX-License-Identifier: Apache-2.0
//
// Goal: a change that the target will never take harms no other key, is kept with everything needed to mend it, and
// keeps its place in its key's order; a target that lacks it has not caught up. Method: a target that refuses chosen
// keys, and items that are too large for it.
#include <filesystem>

#include "integration/replicate_fixture.hpp"

namespace dynamirror::integration {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Poison = ReplicateTest;

TEST_F(Poison, ARefusedKeyGoesToTheDeadLetterFileAndOthersPass) {
  add_tables();
  target.refuse_key(kTarget, key_of("bad"));
  for (int i = 0; i < 30; ++i) put("k" + std::to_string(i), "1");
  put("bad", "first");
  auto run = make_run();
  const auto ended = run.run();
  EXPECT_EQ(ended.reason, Reason::kPoison) << ended.text();
  EXPECT_EQ(target.snapshot(kTarget).size(), 30u);
  EXPECT_EQ(ended.status.counters.dead_lettered, 1u);
  EXPECT_EQ(ended.status.counters.applied, 30u);
  EXPECT_THAT(run.dead_letters(),
              ElementsAre(AllOf(HasSubstr(R"("key":{"id":{"S":"bad"}})"), HasSubstr(R"({"S":"first"})"),
                                HasSubstr(R"("shard":")" + source.open_shards(kSource).front() + "\""),
                                HasSubstr(R"("sequence":")"), HasSubstr("ValidationException"),
                                HasSubstr("refused by the script"))));
  EXPECT_THAT(target.complaints(), IsEmpty());
}

TEST_F(Poison, LaterChangesOfItsKeyFollowInOrderAcrossARestart) {
  add_tables();
  target.refuse_key(kTarget, key_of("bad"));
  put("bad", "first");
  auto run = make_run();
  ASSERT_EQ(run.run().reason, Reason::kPoison);
  // From here on the target would take the key: only the quarantine keeps the order.
  target.refuse_key(kTarget, key_of("bad"), false);
  put("bad", "second");
  put("good", "1");
  const auto second = run.run();
  EXPECT_EQ(second.reason, Reason::kPoison) << second.text();
  source.remove(kSource, key_of("bad"));
  ASSERT_EQ(run.run().reason, Reason::kPoison);
  put("bad", "third");
  ASSERT_EQ(run.run().reason, Reason::kPoison);

  EXPECT_EQ(target_values(), "good=1");
  EXPECT_THAT(run.dead_letters(),
              ElementsAre(HasSubstr("first"), HasSubstr("second"), HasSubstr(R"("image":null)"), HasSubstr("third")));
  EXPECT_THAT(target.writes_of(kTarget, key_of("bad")), IsEmpty());
}

TEST_F(Poison, AReplayBringsTheNewestStateAndReplicationGoesOn) {
  add_tables();
  target.refuse_key(kTarget, key_of("bad"));
  target.refuse_key(kTarget, key_of("gone"));
  put("bad", "first");
  put("gone", "first");
  auto run = make_run();
  ASSERT_EQ(run.run().reason, Reason::kPoison);
  put("bad", "second");
  source.remove(kSource, key_of("gone"));
  ASSERT_EQ(run.run().reason, Reason::kPoison);
  ASSERT_THAT(run.dead_letters(), SizeIs(4));

  const auto too_early = run.replay();
  ASSERT_TRUE(too_early);
  EXPECT_EQ(too_early->still_failing, 2u);
  EXPECT_THAT(run.dead_letters(), SizeIs(4));

  target.refuse_key(kTarget, key_of("bad"), false);
  target.refuse_key(kTarget, key_of("gone"), false);
  const auto replayed = run.replay();
  ASSERT_TRUE(replayed);
  EXPECT_EQ(replayed->applied, 2u);
  EXPECT_EQ(replayed->superseded, 2u);
  EXPECT_THAT(run.dead_letters(), IsEmpty());
  EXPECT_EQ(target_values(), "bad=second");

  put("bad", "third");
  const auto after = run.run();
  EXPECT_TRUE(after.ok()) << after.text();
  EXPECT_EQ(target_values(), "bad=third");
  expect_in_step(after);
}

TEST_F(Poison, AnOversizedItemIsFoundWithinItsBatch) {
  add_tables();
  for (int i = 0; i < 12; ++i) put("k" + std::to_string(i), "1");
  put("huge", std::string(450'000, 'x'));  // the scripted source takes what its users could not put
  for (int i = 12; i < 24; ++i) put("k" + std::to_string(i), "1");
  auto run = make_run();
  const auto ended = run.run();
  EXPECT_EQ(ended.reason, Reason::kPoison) << ended.text();
  EXPECT_EQ(target.snapshot(kTarget).size(), 24u);
  EXPECT_GT(ended.writes.splits, 0u) << "the item came alone: nothing was tested";
  EXPECT_THAT(run.dead_letters(), ElementsAre(AllOf(HasSubstr("huge"), HasSubstr("Item size has exceeded"))));
  for (int i = 0; i < 24; ++i) {
    EXPECT_THAT(target.writes_of(kTarget, key_of("k" + std::to_string(i))), SizeIs(1)) << "good items are written once";
  }
}

TEST_F(Poison, OnErrorStopStopsAndNothingIsTakenForDone) {
  add_tables();
  target.refuse_key(kTarget, key_of("bad"));
  for (int i = 0; i < 10; ++i) put("k" + std::to_string(i), "1");
  put("bad", "first");
  for (int i = 10; i < 40; ++i) put("k" + std::to_string(i), "1");
  auto run = make_run();
  run.options.stop_on_poison = true;
  const auto ended = run.run();
  EXPECT_EQ(ended.reason, Reason::kPoison) << ended.text();
  EXPECT_THAT(ended.text(), AllOf(HasSubstr(R"({"id":{"S":"bad"}})"), HasSubstr("--on-error dead-letter"),
                                  HasSubstr(source.open_shards(kSource).front())));
  EXPECT_EQ(ended.status.counters.dead_lettered, 0u);
  EXPECT_FALSE(std::filesystem::exists(run.dead_letter_file()));
  EXPECT_EQ(run.run().reason, Reason::kPoison) << "it comes again until it is dealt with";

  target.refuse_key(kTarget, key_of("bad"), false);
  const auto last = run.run();
  EXPECT_TRUE(last.ok()) << last.text();
  expect_in_step(last, 2);
}

TEST_F(Poison, ADeadLetterFileThatTakesNoMoreStopsTheJob) {
  add_tables();
  target.refuse_key(kTarget, key_of("bad"));
  target.refuse_key(kTarget, key_of("worse"));
  put("bad", "first");
  put("worse", "first");
  put("good", "1");
  auto run = make_run();
  run.options.max_dead_letter_keys = 1;
  const auto ended = run.run();
  EXPECT_EQ(ended.reason, Reason::kState) << ended.text();
  EXPECT_THAT(ended.text(), HasSubstr(run.dead_letter_file().string()));
  EXPECT_LE(ended.status.counters.dead_lettered, 1u);
  EXPECT_EQ(ended.status.counters.dead_lettered, run.dead_letters().size());
  const auto rows = run.rows();
  ASSERT_THAT(rows, SizeIs(1));
  const auto refused = run.run();
  EXPECT_EQ(refused.reason, Reason::kState) << "it comes again: " << refused.text();

  run.options.max_dead_letter_keys = 2;
  const auto last = run.run();
  EXPECT_EQ(last.reason, Reason::kPoison) << last.text();
  EXPECT_THAT(run.dead_letters(), SizeIs(2));
  EXPECT_EQ(target_values(), "good=1");
}

TEST_F(Poison, ADeadLetterFileThatIsNoFileIsRefusedAtTheStart) {
  add_tables();
  put("a", "1");
  auto run = make_run();
  std::filesystem::create_directory(run.dead_letter_file());
  const auto ended = run.run();
  EXPECT_EQ(ended.reason, Reason::kState) << ended.text();
  EXPECT_THAT(target.writes(kTarget), IsEmpty());
}

}  // namespace
}  // namespace dynamirror::integration
