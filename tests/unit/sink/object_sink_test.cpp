// SPDX-License-Identifier: Apache-2.0
//
// Goal: what a store refuses is poison only where the change itself is to blame; a wrong setting stops the job.
#include "sink/object_sink.hpp"

#include <gtest/gtest.h>

#include "support/memory_objects.hpp"
#include "support/run_task.hpp"

namespace dynamirror::sink {
namespace {

class ObjectSinkTest : public ::testing::Test {
 protected:
  Result<std::vector<Outcome>> write(ErrorClass error_class = ErrorClass::kInvalid, std::string code = "") {
    if (!code.empty()) store_.put_error = Error{error_class, "put object", "a", std::move(code), "as told"};
    const auto sequence = model::SequenceNumber::of(1);
    const model::Change change(R"({"id":{"S":"a"}})", R"({"id":{"S":"a"},"n":{"N":"1"}})", sequence, WallTime{});
    const model::Change* const changes[] = {&change};
    return support::run_task(sink_.write(changes, SteadyTime::max()));
  }

  const model::KeySchema sink_key_{{"id", "S"}, {{"at", "N"}}};
  support::MemoryObjects store_;
  ObjectSink sink_{ItemObjects("Orders", {{"id", "S"}, {}}), store_};
};

TEST_F(ObjectSinkTest, WritesTheItem) {
  ASSERT_TRUE(std::holds_alternative<Applied>(write()->front()));
  EXPECT_EQ(store_.versions.size(), 1u);
}

TEST_F(ObjectSinkTest, EveryRequestEndsWithTheTimeForTheWrite) {
  const SteadyTime until = SteadyTime{} + std::chrono::seconds(7);
  ObjectSink sink{ItemObjects("Orders", sink_key_), store_};
  const std::string key = R"({"id":{"S":"a"},"at":{"N":"1"}})";
  const model::Change put(key, key, model::SequenceNumber::of(1), WallTime{});
  const model::Change deletion(key, "", model::SequenceNumber::of(2), WallTime{});
  for (const model::Change* change : {&put, &deletion}) {
    const auto old_name = ItemObjects("Orders", sink_key_).of(change->key())->old_name;
    store_.write(old_name.value(), "an older tool's");
    const model::Change* const changes[] = {change};
    ASSERT_TRUE(std::holds_alternative<Applied>(support::run_task(sink.write(changes, until))->front()));
    EXPECT_EQ(store_.newest(old_name.value()), std::nullopt);
  }
  EXPECT_EQ(store_.deadlines, (std::vector<SteadyTime>(4, until)));
}

TEST_F(ObjectSinkTest, TriesAgainWhatMayPass) {
  EXPECT_TRUE(std::holds_alternative<TryAgain>(write(ErrorClass::kTransient, "InternalError")->front()));
}

TEST_F(ObjectSinkTest, AnItemThatIsTooLargeIsPoison) {
  EXPECT_TRUE(std::holds_alternative<Rejected>(write(ErrorClass::kInvalid, "EntityTooLarge")->front()));
}

TEST_F(ObjectSinkTest, AWrongSettingIsNotThePoisonOfOneChange) {
  for (const char* code : {"PermanentRedirect", "AccessControlListNotSupported", "InvalidStorageClass"}) {
    EXPECT_FALSE(write(ErrorClass::kInvalid, code)) << code << ": every change would become a dead letter";
  }
}

}  // namespace
}  // namespace dynamirror::sink
