// SPDX-License-Identifier: Apache-2.0
//
// Goal: no letter that was acknowledged is ever lost, and no line that was not written whole is ever taken for one.
// Method: real files; a forked child that is killed before, after or in the middle of each call that changes the disk,
// and calls that fail as on a full disk.
#include "sink/dead_letters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "support/child_process.hpp"
#include "support/failing_disk.hpp"
#include "support/run_task.hpp"
#include "support/temp_folder.hpp"

namespace dynamirror::sink {
namespace {

using test::DiskFault;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string key_of(const std::string& id) { return R"({"id":{"S":")" + id + "\"}}"; }

DeadLetter letter(const std::string& id, const std::string& sequence) {
  return {.change = {key_of(id), R"({"id":{"S":")" + id + "\"}}", model::SequenceNumber::parse(sequence).value(), {}},
          .shard = ShardId("shard"),
          .error = {.error_class = ErrorClass::kInvalid, .doing = {}, .resource = {}, .code = "C", .message = "m"},
          .at = {},
          .attempts = 1,
          .target = "target"};
}

Status add(DeadLetters& letters, std::vector<DeadLetter> added) {
  return support::run_task(letters.add(std::move(added)));
}

std::string read_bytes(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

class DeadLettersTest : public ::testing::Test {
 protected:
  // Each repaired file is worth a warning, and here there are hundreds.
  static void SetUpTestSuite() { log::configure(log::Level::kError, log::Format::kText); }

  [[nodiscard]] std::unique_ptr<DeadLetters> open(std::size_t max_keys = 1'000) const {
    auto letters = DeadLetters::open({.file = file_, .max_keys = max_keys});
    EXPECT_TRUE(letters.has_value()) << to_line(letters.error());
    return letters ? std::move(*letters) : nullptr;
  }

  [[nodiscard]] Error refusal() const {
    auto letters = DeadLetters::open({.file = file_});
    EXPECT_FALSE(letters.has_value());
    return letters ? Error{} : letters.error();
  }

  [[nodiscard]] static std::vector<std::string> sequences(const DeadLetters& letters) {
    std::vector<std::string> kept;
    auto walk = letters.walk();
    while (true) {
      auto next = walk.next();
      EXPECT_TRUE(next) << to_line(next.error());
      if (!next || !*next) return kept;
      kept.push_back((*next)->change.sequence().str());
    }
  }
  [[nodiscard]] std::vector<std::string> sequences() const { return sequences(*open()); }

  test::TempFolder folder_;
  std::filesystem::path file_ = folder_ / "dead.jsonl";
};

TEST_F(DeadLettersTest, CountsRecordsThatAreNoChangesAndQuarantinesNothingForThem) {
  const auto record = [](const std::string& sequence) {
    DeadLetter made = letter("", sequence);
    made.change = model::Change({}, {}, model::SequenceNumber::parse(sequence).value(), {});
    made.record = "bytes";
    return made;
  };
  {
    const auto letters = open(3);
    ASSERT_TRUE(add(*letters, std::vector{record("1"), letter("a", "2"), record("3")}));
    EXPECT_FALSE(letters->quarantined(""));
    EXPECT_TRUE(letters->quarantined(key_of("a")));
    EXPECT_EQ(letters->keys(), 1u);
    EXPECT_EQ(letters->entries(), 3u);
  }
  const auto again = open(3);
  EXPECT_FALSE(add(*again, std::vector{record("4")})) << "each counts as a key";
  ASSERT_TRUE(again->rewrite(
      [](DeadLetter& of) { return of.has_key() ? DeadLetters::Verdict::kKeep : DeadLetters::Verdict::kRemove; }));
  EXPECT_TRUE(add(*again, std::vector{record("4"), record("5")}));
  EXPECT_THAT(sequences(*again), ElementsAre("2", "4", "5"));
}

TEST_F(DeadLettersTest, QuarantinesTheKeysOfItsLettersAcrossReopening) {
  const std::vector<DeadLetter> two{letter("a", "1"), letter("b", "2")};
  {
    const auto letters = open();
    EXPECT_FALSE(letters->quarantined(key_of("a")));
    ASSERT_TRUE(add(*letters, two));
    EXPECT_TRUE(letters->quarantined(key_of("a")));
  }
  const auto letters = open();
  EXPECT_TRUE(letters->quarantined(key_of("a")));
  EXPECT_TRUE(letters->quarantined(key_of("b")));
  EXPECT_FALSE(letters->quarantined(key_of("c")));
  EXPECT_EQ(letters->keys(), 2u);
  EXPECT_EQ(letters->entries(), 2u);
}

TEST_F(DeadLettersTest, GivesItsLettersInTheOrderTheyWereAdded) {
  {
    const auto letters = open();
    ASSERT_TRUE(add(*letters, std::vector{letter("b", "1"), letter("a", "2")}));
    ASSERT_TRUE(add(*letters, std::vector{letter("b", "3")}));
  }
  EXPECT_THAT(sequences(), ElementsAre("1", "2", "3"));
}

TEST_F(DeadLettersTest, SyncsAGroupOnce) {
  const auto letters = open();
  test::arm_disk_fault(DiskFault::kFail, 1'000);
  ASSERT_TRUE(add(*letters, std::vector{letter("a", "1"), letter("b", "2"), letter("c", "3")}));
  EXPECT_EQ(test::disarm_disk_fault(), 2) << "one write and one sync";
}

TEST_F(DeadLettersTest, CanOnlyBeReadByItsOwner) {
  ASSERT_TRUE(add(*open(), std::vector{letter("a", "1")}));
  struct stat status{};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  ASSERT_TRUE(open()->rewrite([](DeadLetter&) { return DeadLetters::Verdict::kKeep; }));
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(DeadLettersTest, CreatesItsFolder) {
  file_ = folder_ / "new" / "folder" / "dead.jsonl";
  EXPECT_TRUE(add(*open(), std::vector{letter("a", "1")}));
}

TEST_F(DeadLettersTest, IsLockedAgainstAnotherProcessWhichItNames) {
  test::ChildProcess holder([&](const auto& report) {
    const auto letters = DeadLetters::open({.file = file_});
    if (!letters) return;
    report();
    ::pause();
  });
  ASSERT_TRUE(holder.wait_for_reports(1));
  const Error error = refusal();
  EXPECT_EQ(error.error_class, ErrorClass::kConflict);
  EXPECT_THAT(to_line(error), HasSubstr("in use by process " + std::to_string(holder.pid())));
  EXPECT_THAT(to_line(error), HasSubstr("--dead-letter"));
  holder.kill();
  EXPECT_NE(open(), nullptr);
}

TEST_F(DeadLettersTest, StaysLockedAfterARewriteAndUnderASymbolicLink) {
  const auto letters = open();
  ASSERT_TRUE(add(*letters, std::vector{letter("a", "1")}));
  ASSERT_TRUE(letters->rewrite([](DeadLetter&) { return DeadLetters::Verdict::kKeep; }));
  EXPECT_EQ(refusal().error_class, ErrorClass::kConflict);
  std::filesystem::create_symlink(file_, folder_ / "link");
  file_ = folder_ / "link";
  EXPECT_EQ(refusal().error_class, ErrorClass::kConflict);
}

TEST_F(DeadLettersTest, RewritesTheFileBehindASymbolicLink) {
  ASSERT_TRUE(add(*open(), std::vector{letter("a", "1"), letter("b", "2")}));
  std::filesystem::create_symlink(file_, folder_ / "link");
  auto linked = DeadLetters::open({.file = folder_ / "link"});
  ASSERT_TRUE((*linked)->rewrite([](DeadLetter& letter) {
    return letter.change.key() == key_of("a") ? DeadLetters::Verdict::kRemove : DeadLetters::Verdict::kKeep;
  }));
  linked->reset();
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "link"));
  EXPECT_THAT(sequences(), ElementsAre("2"));
}

// Cut at every byte: an unacknowledged tail goes, everything before it stays, and the file can be added to.
TEST_F(DeadLettersTest, DropsALastLineThatACrashHasCutOffAnywhere) {
  const std::string whole = to_json_line(letter("a", "1"));
  const std::string torn = to_json_line(letter("b", "2"));
  for (std::size_t size = 1; size < torn.size() - 1; ++size) {
    write_bytes(file_, whole + torn.substr(0, size));
    const auto letters = open();
    ASSERT_NE(letters, nullptr) << size;
    ASSERT_FALSE(letters->quarantined(key_of("b"))) << size;
    ASSERT_TRUE(add(*letters, std::vector{letter("c", "3")}));
    ASSERT_THAT(sequences(*letters), ElementsAre("1", "3")) << size;
  }
}

TEST_F(DeadLettersTest, KeepsAWholeLastLineThatLacksOnlyItsLineBreak) {
  std::string line = to_json_line(letter("a", "1"));
  line.pop_back();
  write_bytes(file_, line);
  const auto letters = open();
  ASSERT_TRUE(letters->quarantined(key_of("a")));
  ASSERT_TRUE(add(*letters, std::vector{letter("b", "2")}));
  EXPECT_THAT(sequences(*letters), ElementsAre("1", "2"));
}

TEST_F(DeadLettersTest, RefusesDamageInTheMiddleNamingTheLineAndLeavesTheFileAlone) {
  const std::string good = to_json_line(letter("a", "1"));
  for (const std::string& bad : {std::string("{\"key\":{\"id\":{\"S\":\"b\n"), std::string("\n"),
                                 std::string("garbage\n"), std::string("{}\n"), std::string(100, '\0') + "\n"}) {
    const std::string bytes = good + bad + good;
    write_bytes(file_, bytes);
    const Error error = refusal();
    EXPECT_EQ(error.error_class, ErrorClass::kInvalid);
    EXPECT_THAT(to_line(error), HasSubstr(file_.string() + ", line 2"));
    EXPECT_EQ(read_bytes(file_), bytes);
  }
}

TEST_F(DeadLettersTest, RefusesAFileOfAnotherKindAndLeavesItAlone) {
  for (const std::string bytes : {"hello", "id,name\n1,x\n", "{\"id\": 1}"}) {
    write_bytes(file_, bytes);
    EXPECT_EQ(refusal().error_class, ErrorClass::kInvalid);
    EXPECT_EQ(read_bytes(file_), bytes);
  }
}

TEST_F(DeadLettersTest, RefusesALineLongerThanAnyLetterInBoundedMemory) {
  write_bytes(file_, std::string(20u << 20, 'x'));
  EXPECT_THAT(to_line(refusal()), HasSubstr("line 1"));
}

TEST_F(DeadLettersTest, RefusesWhatIsNotARegularFile) {
  file_ = folder_.path();
  EXPECT_EQ(refusal().error_class, ErrorClass::kInvalid);
  file_ = "/dev/null";
  EXPECT_EQ(refusal().error_class, ErrorClass::kInvalid);
  file_ = "/proc/dead.jsonl";
  EXPECT_EQ(refusal().error_class, ErrorClass::kInvalid);
}

TEST_F(DeadLettersTest, ReadsLettersLargerThanItsReadBuffer) {
  DeadLetter large = letter("large", "2");
  const std::string image = R"({"id":{"S":"large"},"x":{"S":")" + std::string(400'000, 'y') + "\"}}";
  large.change = model::Change(large.change.key(), image, large.change.sequence(), {});
  ASSERT_TRUE(add(*open(), std::vector{letter("a", "1"), large, letter("c", "3")}));
  const auto letters = open();
  EXPECT_THAT(sequences(*letters), ElementsAre("1", "2", "3"));
  auto walk = letters->walk();
  (void)walk.next();
  EXPECT_EQ((*walk.next())->change.image(), image);
}

TEST_F(DeadLettersTest, StopsTheJobWhenTooManyKeysArePoison) {
  const auto letters = open(2);
  ASSERT_TRUE(add(*letters, std::vector{letter("a", "1"), letter("b", "2")}));
  ASSERT_TRUE(add(*letters, std::vector{letter("a", "3")})) << "a key that is there already";
  const Status added = add(*letters, std::vector{letter("c", "4")});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(to_line(added.error()), HasSubstr("dead-letters replay"));
  EXPECT_THAT(sequences(*letters), ElementsAre("1", "2", "3"));
}

TEST_F(DeadLettersTest, AddsNothingWhenTheDiskIsFullAndGoesOnWhenItIsNotAnyMore) {
  const auto letters = open();
  ASSERT_TRUE(add(*letters, std::vector{letter("a", "1")}));
  test::arm_disk_fault(DiskFault::kFail, 1);
  const Status added = add(*letters, std::vector{letter("b", "2")});
  test::disarm_disk_fault();
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(to_line(added.error()), HasSubstr("No space left on device"));
  EXPECT_FALSE(letters->quarantined(key_of("b")));
  ASSERT_TRUE(add(*letters, std::vector{letter("c", "3")}));
  EXPECT_THAT(sequences(*letters), ElementsAre("1", "3"));
}

TEST_F(DeadLettersTest, WritesNothingBehindHalfALineThatItCannotTakeBack) {
  auto letters = open();
  ASSERT_TRUE(add(*letters, std::vector{letter("a", "1")}));
  const auto before = read_bytes(file_).size();
  // Half of the line fits; then writing the rest fails, and cutting it off, too.
  test::arm_disk_fault(DiskFault::kFailHalf, 1);
  EXPECT_FALSE(add(*letters, std::vector{letter("b", "2")}));
  EXPECT_EQ(test::disarm_disk_fault(), 3);
  EXPECT_GT(read_bytes(file_).size(), before);
  EXPECT_FALSE(add(*letters, std::vector{letter("c", "3")}));
  letters.reset();
  EXPECT_THAT(sequences(), ElementsAre("1"));
}

TEST_F(DeadLettersTest, NeverTrustsTheFileAgainAfterAFailedSync) {
  const auto letters = open();
  test::arm_disk_fault(DiskFault::kFail, 2);
  EXPECT_FALSE(add(*letters, std::vector{letter("a", "1")}));
  EXPECT_EQ(test::disarm_disk_fault(), 2);
  EXPECT_FALSE(letters->quarantined(key_of("a")));
  EXPECT_FALSE(add(*letters, std::vector{letter("b", "2")}));
  EXPECT_FALSE(letters->rewrite([](DeadLetter&) { return DeadLetters::Verdict::kKeep; }));
}

TEST_F(DeadLettersTest, KeepsEveryAcknowledgedLetterWhenKilledAtAnyMomentOfAdding) {
  for (const auto fault : {DiskFault::kKillBefore, DiskFault::kKillAfter, DiskFault::kKillHalf}) {
    for (int call = 1;; ++call) {
      std::filesystem::remove(file_);
      test::ChildProcess writer([&](const auto& report) {
        const auto letters = DeadLetters::open({.file = file_});
        test::arm_disk_fault(fault, call);
        for (int i = 1; i <= 4; ++i) {
          if (!add(**letters, std::vector{letter("k" + std::to_string(i), std::to_string(i))})) return;
          report();
        }
      });
      const int acknowledged = writer.finish();
      const auto kept = sequences();
      ASSERT_GE(kept.size(), static_cast<std::size_t>(acknowledged));
      ASSERT_LE(kept.size(), static_cast<std::size_t>(acknowledged) + 1);
      for (std::size_t i = 0; i < kept.size(); ++i) ASSERT_EQ(kept[i], std::to_string(i + 1));
      if (acknowledged == 4) break;  // the fault came after the last call
      ASSERT_LT(call, 50);
    }
  }
}

TEST_F(DeadLettersTest, IsTheOldOrTheNewFileWhenKilledAtAnyMomentOfARewrite) {
  bool saw_old = false;
  bool saw_new = false;
  for (const auto fault : {DiskFault::kKillBefore, DiskFault::kKillAfter, DiskFault::kKillHalf}) {
    for (int call = 1;; ++call) {
      std::filesystem::remove(file_);
      ASSERT_TRUE(add(*open(), std::vector{letter("a", "1"), letter("b", "2"), letter("a", "3"), letter("c", "4")}));
      test::ChildProcess rewriter([&](const auto& report) {
        auto letters = DeadLetters::open({.file = file_});
        test::arm_disk_fault(fault, call);
        const bool done = (*letters)
                              ->rewrite([](DeadLetter& letter) {
                                if (letter.change.key() == key_of("a")) return DeadLetters::Verdict::kRemove;
                                letter.attempts = 7;
                                return DeadLetters::Verdict::kKeepChanged;
                              })
                              .has_value();
        test::disarm_disk_fault();
        if (done) report();
      });
      const bool done = rewriter.finish() == 1;
      const auto kept = sequences();
      if (kept.size() == 4) {
        saw_old = true;
        ASSERT_FALSE(done);
        ASSERT_THAT(kept, ElementsAre("1", "2", "3", "4"));
      } else {
        saw_new = true;
        ASSERT_THAT(kept, ElementsAre("2", "4"));
      }
      if (done) break;
      ASSERT_LT(call, 50);
    }
  }
  EXPECT_TRUE(saw_old && saw_new);
}

TEST_F(DeadLettersTest, KeepsTheOldFileWhenARewriteFails) {
  for (int call = 1;; ++call) {
    std::filesystem::remove(file_);
    const auto letters = open();
    ASSERT_TRUE(add(*letters, std::vector{letter("a", "1"), letter("b", "2")}));
    test::arm_disk_fault(DiskFault::kFail, call);
    const Status rewritten = letters->rewrite([](DeadLetter& letter) {
      return letter.change.key() == key_of("a") ? DeadLetters::Verdict::kRemove : DeadLetters::Verdict::kKeep;
    });
    test::disarm_disk_fault();
    const bool renamed = sequences(*letters).size() == 1;
    EXPECT_EQ(letters->quarantined(key_of("a")), !renamed);
    if (rewritten) break;
    ASSERT_TRUE(add(*letters, std::vector{letter("c", "3")}));
    if (renamed) {
      EXPECT_THAT(sequences(*letters), ElementsAre("2", "3"));
    } else {
      EXPECT_THAT(sequences(*letters), ElementsAre("1", "2", "3"));
    }
    ASSERT_LT(call, 20);
  }
}

TEST_F(DeadLettersTest, AddsToTheNewFileAfterARewrite) {
  const auto letters = open();
  ASSERT_TRUE(add(*letters, std::vector{letter("a", "1"), letter("b", "2")}));
  ASSERT_TRUE(letters->rewrite([](DeadLetter&) { return DeadLetters::Verdict::kRemove; }));
  EXPECT_EQ(letters->keys(), 0u);
  EXPECT_EQ(letters->entries(), 0u);
  EXPECT_THAT(sequences(*letters), IsEmpty());
  ASSERT_TRUE(add(*letters, std::vector{letter("c", "3")}));
  EXPECT_THAT(sequences(*letters), ElementsAre("3"));
}

TEST_F(DeadLettersTest, AreReadBehindAByteOrderMark) {
  ASSERT_TRUE(add(*open(), std::vector<DeadLetter>{letter("a", "1"), letter("b", "2")}));
  std::stringstream text;
  text << std::ifstream(file_).rdbuf();
  std::ofstream(file_) << "\xEF\xBB\xBF" << text.str();
  const auto letters = open();
  ASSERT_TRUE(letters);
  EXPECT_EQ(sequences(*letters), (std::vector<std::string>{"1", "2"}));
}

}  // namespace
}  // namespace dynamirror::sink
