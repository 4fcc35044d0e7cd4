// SPDX-License-Identifier: Apache-2.0
//
// Goal: of each key what the primary has is written, or deleted, whatever the read meets on the way; a key that cannot
// be read harms no other. Method: the real client over a primary played in memory, and a target that keeps what it is
// given.
#include "sink/present_items.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/task_group.hpp"
#include "support/played_primary.hpp"
#include "support/run_task.hpp"

namespace dynamirror::sink {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string key(const std::string& id) { return R"({"id":{"S":")" + id + "\"}}"; }
std::string item(const std::string& id, const std::string& more = R"("n":{"N":"1.50"})") {
  return R"({"id":{"S":")" + id + "\"}," + more + "}";
}

class KeptTarget final : public ChangeSink {
 public:
  Limits limits_now{};
  std::map<std::string, std::string> written;  ///< by key; an empty text is a deletion
  std::vector<std::size_t> sizes;              ///< of the writes
  std::vector<SteadyTime> deadlines;
  std::optional<Outcome> outcome_of_all;

  [[nodiscard]] Limits limits() const override { return limits_now; }
  [[nodiscard]] async::Task<Result<std::vector<Outcome>>> write(std::span<const model::Change* const> changes,
                                                                SteadyTime not_after) override {
    sizes.push_back(changes.size());
    deadlines.push_back(not_after);
    for (const model::Change* change : changes) {
      EXPECT_EQ(change->is_delete(), change->image().empty());
      written[std::string(change->key())] = change->image();
    }
    co_return std::vector<Outcome>(changes.size(), outcome_of_all.value_or(Outcome{Applied{}}));
  }
  [[nodiscard]] std::string describe() const override { return "the replica"; }
};

class PresentItemsTest : public ::testing::Test {
 protected:
  void make_sink(std::optional<double> max_read_units = {}) {
    ItemReader::Options options{
        .table = TableName("Primary"), .key = {{"id", "S"}, {}}, .max_read_units = max_read_units};
    sink_ = std::make_unique<PresentItems>(std::move(options), primary_.client(), target_, system_clock(), random_);
  }

  Result<std::vector<Outcome>> write(const std::vector<std::string>& ids, SteadyTime not_after = kNoDeadline) {
    std::vector<model::Change> changes;
    for (const std::string& id : ids) {
      changes.push_back(model::Change::of_key(key(id), model::SequenceNumber::parse("7").value(), {}));
    }
    std::vector<const model::Change*> pointers;
    for (const model::Change& change : changes) pointers.push_back(&change);
    return support::run_task(sink_->write(pointers, not_after));
  }

  static std::string letters_of(const std::vector<Outcome>& outcomes) {
    std::string letters;
    for (const Outcome& outcome : outcomes) letters += "atrsw"[outcome.index()];
    return letters;
  }

  static std::vector<std::string> ids(std::size_t count) {
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < count; ++i) ids.push_back("k" + std::to_string(i));
    return ids;
  }

  support::PlayedPrimary primary_;
  KeptTarget target_;
  Random random_{1};
  std::unique_ptr<PresentItems> sink_;
};

TEST_F(PresentItemsTest, WritesWhatIsThereByteForByteAndDeletesWhatIsNot) {
  make_sink();
  primary_.items["a"] = R"({ "n":{"N":"0.100"},  "id":{"S":"a"} })";
  const auto outcomes = write({"a", "b"}, SteadyTime::max() - std::chrono::seconds(1));
  ASSERT_TRUE(outcomes) << to_line(outcomes.error());
  EXPECT_EQ(letters_of(*outcomes), "aa");
  EXPECT_EQ(target_.written.at(key("a")), primary_.items["a"]);
  EXPECT_EQ(target_.written.at(key("b")), "");
  EXPECT_THAT(target_.deadlines, ElementsAre(SteadyTime::max() - std::chrono::seconds(1)));
  EXPECT_EQ(sink_->reads().consumed_units, 2);
}

TEST_F(PresentItemsTest, OneReadServesSeveralWritesOfTheTarget) {
  make_sink();
  target_.limits_now.max_changes = 25;
  EXPECT_EQ(sink_->limits().max_changes, 100u);
  for (const std::string& id : ids(90)) primary_.items[id] = item(id);
  const auto outcomes = write(ids(90));
  ASSERT_TRUE(outcomes);
  EXPECT_EQ(letters_of(*outcomes), std::string(90, 'a'));
  EXPECT_EQ(primary_.asked.size(), 1u);
  EXPECT_THAT(target_.sizes, ElementsAre(25u, 25u, 25u, 15u));
  EXPECT_EQ(target_.written.size(), 90u);
}

TEST_F(PresentItemsTest, AWriteStaysWithinTheTargetsBytes) {
  make_sink();
  target_.limits_now.max_bytes = 3'000;
  for (const std::string& id : ids(5)) primary_.items[id] = item(id, R"("x":{"S":")" + std::string(1'200, 'x') + "\"}");
  ASSERT_TRUE(write(ids(5)));
  EXPECT_THAT(target_.sizes, ElementsAre(2u, 2u, 1u));
}

TEST_F(PresentItemsTest, AsksAgainForWhatAnAnswerLeavesOut) {
  make_sink();
  for (const std::string& id : ids(10)) primary_.items[id] = item(id);
  primary_.most_items = 2;  // five answers, more than there are attempts without progress
  primary_.unprocessed_times["k3"] = 2;
  const auto outcomes = write(ids(10));
  ASSERT_TRUE(outcomes);
  EXPECT_EQ(letters_of(*outcomes), std::string(10, 'a'));
  for (const std::string& id : ids(10)) EXPECT_EQ(target_.written.at(key(id)), item(id));
}

TEST_F(PresentItemsTest, AKeyThatIsNeverReadIsTriedAgainLaterByItself) {
  make_sink();
  for (const char* id : {"a", "b"}) primary_.items[id] = item(id);
  primary_.unprocessed_times["b"] = 1'000;
  const auto outcomes = write({"a", "b", "c"});
  ASSERT_TRUE(outcomes);
  EXPECT_EQ(letters_of(*outcomes), "ata");
  EXPECT_EQ(std::get<TryAgain>((*outcomes)[1]).error.error_class, ErrorClass::kThrottled);
  EXPECT_FALSE(target_.written.contains(key("b"))) << "nobody knows whether it is there";
}

TEST_F(PresentItemsTest, AKeyThatThePrimaryDoesNotTakeIsRejectedAlone) {
  make_sink();
  for (const std::string& id : ids(20)) primary_.items[id] = item(id);
  primary_.refused_ids = {"k7"};
  const auto outcomes = write(ids(20));
  ASSERT_TRUE(outcomes);
  EXPECT_EQ(letters_of(*outcomes), "aaaaaaaraaaaaaaaaaaa");
}

TEST_F(PresentItemsTest, ThrottlingAndTroubleAreTriedAgain) {
  make_sink();
  for (const char* error : {"ProvisionedThroughputExceededException", "InternalServerError"}) {
    primary_.next_error = error;
    const auto outcomes = write({"a", "b"});
    ASSERT_TRUE(outcomes) << error;
    EXPECT_EQ(letters_of(*outcomes), "tt") << error;
  }
  EXPECT_TRUE(target_.written.empty());
}

TEST_F(PresentItemsTest, APrimaryThatIsGoneOrDeniedEndsTheJobAndIsNamed) {
  make_sink();
  for (const char* error : {"ResourceNotFoundException", "AccessDeniedException"}) {
    primary_.next_error = error;
    const auto outcomes = write({"a", "b"});
    ASSERT_FALSE(outcomes) << error;
    EXPECT_THAT(to_line(outcomes.error()), HasSubstr("eu-west-1/Primary"));
    EXPECT_THAT(to_line(outcomes.error()), HasSubstr("the primary"));
  }
}

TEST_F(PresentItemsTest, PassesOnWhatTheTargetSays) {
  make_sink();
  primary_.unprocessed_times["b"] = 1'000;
  target_.outcome_of_all = Superseded{"a rule"};
  const auto outcomes = write({"a", "b", "c"});
  ASSERT_TRUE(outcomes);
  EXPECT_EQ(letters_of(*outcomes), "sts");
}

TEST_F(PresentItemsTest, StaysWithinItsReadBudget) {
  make_sink(200);
  primary_.units_per_item = 4;
  for (const std::string& id : ids(100)) primary_.items[id] = item(id);
  const SteadyTime begun = system_clock().steady_now();
  ASSERT_TRUE(write(ids(100)));
  const double seconds = std::chrono::duration<double>(system_clock().steady_now() - begun).count();
  EXPECT_EQ(primary_.consumed, 400);
  EXPECT_LE(primary_.consumed, 200 * seconds + 200) << seconds << " s";
  EXPECT_LE(sink_->limits().max_changes, 5u) << "a tenth of a second's units";
}

TEST_F(PresentItemsTest, ReadsFewerLargeItemsAtOnce) {
  make_sink();
  target_.limits_now.max_changes = 25;
  for (const std::string& id : ids(8)) {
    primary_.items[id] = item(id, R"("x":{"S":")" + std::string(400'000, 'x') + "\"}");
  }
  ASSERT_TRUE(write(ids(8)));
  EXPECT_LE(sink_->limits().max_changes, 8u);
  EXPECT_GE(sink_->limits().max_changes, 2u);
}

}  // namespace
}  // namespace dynamirror::sink
