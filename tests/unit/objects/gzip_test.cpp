// SPDX-License-Identifier: Apache-2.0
//
// Goal: what is packed comes back, from any gzip and however it is cut into pieces; what is damaged never passes.
// Method: round trips in every cut, the output of gzip(1) in between, every byte damaged once.
#include "objects/gzip.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/random.hpp"

namespace dynamirror::objects {
namespace {

using ::testing::HasSubstr;

std::string text_of(std::size_t lines) {
  Random random(7);
  std::string text;
  for (std::size_t i = 0; i < lines; ++i) {
    text += R"({"id":{"S":")" + std::to_string(random.next()) + R"("},"n":{"N":")" + std::to_string(i) + "\"}}\n";
  }
  return text;
}

struct Unpacked {
  std::string text;
  std::optional<Error> error;
};

/// Fed in pieces of `piece` bytes, read in pieces of at most `room` bytes.
Unpacked unpack(std::string_view packed, std::size_t piece, std::size_t room) {
  GzipReader reader;
  Unpacked out;
  for (std::size_t at = 0; at < packed.size(); at += piece) {
    reader.feed(std::string(packed.substr(at, piece)));
    for (;;) {
      auto text = reader.next(room);
      if (!text) {
        out.error = text.error();
        return out;
      }
      EXPECT_LE(text->size(), room);
      if (text->empty()) break;
      out.text += *text;
    }
  }
  if (auto whole = reader.finish(); !whole) out.error = whole.error();
  return out;
}

TEST(Gzip, GivesBackWhatWasPackedAtEveryLevel) {
  const std::string text = text_of(20'000);
  for (int level = 0; level <= 3; ++level) {
    const std::string packed = gzip(text, level);
    EXPECT_LT(packed.size(), text.size() / 2) << "level " << level;
    EXPECT_TRUE(GzipReader::is_gzip(packed));
    const Unpacked unpacked = unpack(packed, 65'536, 1u << 20);
    EXPECT_FALSE(unpacked.error) << to_line(*unpacked.error);
    EXPECT_EQ(unpacked.text, text) << "level " << level;
  }
}

TEST(Gzip, PacksTheSameTextIntoTheSameBytes) { EXPECT_EQ(gzip("a text"), gzip("a text")); }

TEST(Gzip, PacksPieceByPieceIntoOneMember) {
  const std::string text = text_of(3'000);
  GzipWriter writer(2);
  std::string packed;
  for (std::size_t at = 0; at < text.size(); at += 1'000)
    packed += writer.add(std::string_view(text).substr(at, 1'000));
  packed += writer.finish();
  const Unpacked unpacked = unpack(packed, packed.size(), 1u << 20);
  EXPECT_FALSE(unpacked.error);
  EXPECT_EQ(unpacked.text, text);
}

TEST(Gzip, PacksNothingIntoAWholeFile) {
  const Unpacked unpacked = unpack(gzip(""), 1, 10);
  EXPECT_FALSE(unpacked.error);
  EXPECT_EQ(unpacked.text, "");
}

TEST(Gzip, PacksBytesThatCannotBecomeSmaller) {
  Random random(3);
  std::string noise(100'000, '\0');
  for (char& c : noise) c = static_cast<char>(random.below(256));
  EXPECT_EQ(unpack(gzip(noise), 4'096, 4'096).text, noise);
}

TEST(Gzip, ReadsMembersOneAfterTheOtherHoweverTheyAreCut) {
  const std::string packed = gzip(text_of(20)) + gzip("") + gzip("second\n") + gzip(text_of(5));
  const std::string text = text_of(20) + "second\n" + text_of(5);
  for (std::size_t piece = 1; piece <= packed.size(); ++piece) {
    for (const std::size_t room : {std::size_t{1}, std::size_t{7}, std::size_t{1'000'000}}) {
      const Unpacked unpacked = unpack(packed, piece, room);
      ASSERT_FALSE(unpacked.error) << to_line(*unpacked.error) << ", pieces of " << piece << ", room " << room;
      ASSERT_EQ(unpacked.text, text) << "pieces of " << piece << ", room " << room;
    }
  }
}

// The bytes of `printf 'first\n' > a.txt; gzip -9 -c a.txt`: a time and a name stand in the header.
TEST(Gzip, ReadsWhatOtherProgramsWrite) {
  constexpr unsigned char kBytes[] = {0x1f, 0x8b, 0x08, 0x08, 0x18, 0xa5, 0x01, 0x6b, 0x02, 0x03, 0x61,
                                      0x2e, 0x74, 0x78, 0x74, 0x00, 0x4b, 0xcb, 0x2c, 0x2a, 0x2e, 0xe1,
                                      0x02, 0x00, 0x2a, 0xb3, 0x4a, 0xc7, 0x06, 0x00, 0x00, 0x00};
  const Unpacked unpacked = unpack({reinterpret_cast<const char*>(kBytes), sizeof kBytes}, 1, 100);
  EXPECT_FALSE(unpacked.error) << to_line(*unpacked.error);
  EXPECT_EQ(unpacked.text, "first\n");
}

TEST(Gzip, CallsAFileThatIsCutOffCutOff) {
  const std::string packed = gzip("a text that is long enough") + gzip("another");
  const std::size_t first = gzip("a text that is long enough").size();
  for (std::size_t size = 0; size < packed.size(); ++size) {
    const Unpacked unpacked = unpack(packed.substr(0, size), 1'000, 1'000);
    if (size == first) continue;  // a whole file of one member
    ASSERT_TRUE(unpacked.error) << "after " << size << " bytes";
    EXPECT_EQ(unpacked.error->error_class, ErrorClass::kInvalid);
    EXPECT_THAT(unpacked.error->message, HasSubstr("cut off"));
  }
}

TEST(Gzip, PassesNoDamagedByteOn) {
  const std::string text = text_of(50);
  const std::string packed = gzip(text);
  for (std::size_t at = 0; at < packed.size(); ++at) {
    std::string damaged = packed;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const Unpacked unpacked = unpack(damaged, 1'000, 100'000);
    // The header's time, extra flags and system say nothing about the text.
    if (!unpacked.error) {
      EXPECT_TRUE(at >= 4 && at < 10) << "byte " << at;
      EXPECT_EQ(unpacked.text, text) << "byte " << at;
    }
  }
}

TEST(Gzip, RefusesWhatFollowsAMember) {
  const Unpacked unpacked = unpack(gzip("text") + "and plain text", 1'000, 1'000);
  ASSERT_TRUE(unpacked.error);
  EXPECT_THAT(unpacked.error->message, HasSubstr("something else follows"));
}

TEST(Gzip, StaysBrokenOnceBroken) {
  GzipReader reader;
  reader.feed("no gzip at all, but a longer plain text");
  EXPECT_FALSE(reader.next(100));
  reader.feed(gzip("fine"));
  EXPECT_FALSE(reader.next(100));
  EXPECT_FALSE(reader.finish());
}

TEST(Gzip, TellsGzipFromPlainText) {
  EXPECT_FALSE(GzipReader::is_gzip(R"({"id":{"S":"a"}})"));
  EXPECT_FALSE(GzipReader::is_gzip(""));
  EXPECT_FALSE(GzipReader::is_gzip("\x1f"));
  EXPECT_TRUE(GzipReader::is_gzip(gzip("a")));
}

}  // namespace
}  // namespace dynamirror::objects
