// SPDX-License-Identifier: Apache-2.0
//
// Goal: a target that lacks something is never called caught up, whatever its dead letters are of.
#include "service/state_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sink/dead_letters.hpp"
#include "support/run_task.hpp"
#include "support/temp_folder.hpp"

namespace dynamirror::service {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

sink::DeadLetter letter_of(const char* key, const char* record) {
  const auto sequence = model::SequenceNumber::of(7);
  sink::DeadLetter letter;
  letter.change = model::Change(key, {}, sequence, WallTime{});
  letter.record = record;
  letter.shard = ShardId("shard-1");
  return letter;
}

class MissingKeys : public ::testing::Test {
 protected:
  std::string missing_after(const sink::DeadLetter& letter) {
    const auto letters = sink::DeadLetters::open({.file = folder_ / "letters.jsonl"});
    EXPECT_TRUE(letters);
    EXPECT_FALSE(missing_keys(letters->get(), "Orders")) << "before the first";
    EXPECT_TRUE(support::run_task((*letters)->add({letter})));
    const auto missing = missing_keys(letters->get(), "Orders");
    return missing ? missing->message : "nothing";
  }

  test::TempFolder folder_;
};

TEST_F(MissingKeys, CountsTheKeysWhoseNewestStateIsNotThere) {
  EXPECT_THAT(
      missing_after(letter_of(R"({"id":{"S":"a"}})", "")),
      AllOf(HasSubstr("1 keys have dead letters"), HasSubstr("`dead-letters replay`"), Not(HasSubstr("records"))));
}

TEST_F(MissingKeys, CountsRecordsThatCouldNotBeReadAsChanges) {
  EXPECT_THAT(missing_after(letter_of("", "no JSON")),
              AllOf(HasSubstr("1 records could not be read"), HasSubstr("letters.jsonl"), Not(HasSubstr("keys have"))));
}

TEST(MissingKeysWithoutAFile, AreNone) { EXPECT_FALSE(missing_keys(nullptr, "Orders")); }

}  // namespace
}  // namespace dynamirror::service
