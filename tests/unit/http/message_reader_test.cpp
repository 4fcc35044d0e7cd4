// SPDX-License-Identifier: Apache-2.0
//
// Goal: a message is the same however the network cuts its bytes, and nothing beyond the limits is ever kept.
// Method: every message is fed whole, byte by byte, and cut in two at every place.
#include "http/impl/message_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace dynamirror::http::impl {
namespace {

using Kind = MessageReader::Kind;
using Progress = MessageReader::Progress;

/// Feeds `bytes` in pieces of at most `step`, as long as the reader wants any; returns how many it took.
std::size_t feed(MessageReader& reader, std::string_view bytes, std::size_t step) {
  std::size_t taken = 0;
  while (reader.progress() == Progress::kMore && taken < bytes.size()) {
    const auto room = reader.prepare();
    const std::size_t size = std::min({step, room.size(), bytes.size() - taken});
    std::memcpy(room.data(), bytes.data() + taken, size);
    reader.commit(size);
    taken += size;
  }
  return taken;
}

struct Case {
  const char* name;
  Kind kind;
  std::string bytes;
  std::string body;
  bool keep_alive;
};

std::vector<Case> cases() {
  const std::string big(40'000, 'b');
  return {
      {"length", Kind::kResponse, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello", "hello", true},
      {"big", Kind::kResponse, "HTTP/1.1 200 OK\r\ncontent-length: 40000\r\nx-a: 1\r\n\r\n" + big, big, true},
      {"chunked", Kind::kResponse,
       "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-a: 1\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nx-a: 2\r\n\r\n",
       "hello", true},
      {"chunked and empty", Kind::kResponse, "HTTP/1.1 200 OK\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
       "", true},
      {"interim", Kind::kResponse,
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nx-a: 0\r\n\r\nHTTP/1.1 200 OK\r\nx-a: 1\r\n"
       "content-length: 1\r\n\r\nx",
       "x", true},
      {"no content", Kind::kResponse, "HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n", "", true},
      {"not modified", Kind::kResponse, "HTTP/1.1 304 x\r\nx-a: 1\r\ncontent-length: 99\r\n\r\n", "", true},
      {"close", Kind::kResponse, "HTTP/1.1 200 OK\r\nx-a: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", "",
       false},
      {"old", Kind::kResponse, "HTTP/1.0 200 OK\r\nx-a: 1\r\ncontent-length: 2\r\n\r\nok", "ok", false},
      {"request", Kind::kRequest, "POST / HTTP/1.1\r\nhost: h\r\nx-a: 1\r\ncontent-length: 2\r\n\r\nhi", "hi", true},
      {"request without body", Kind::kRequest, "GET /x HTTP/1.1\r\nhost: h\r\nx-a: 1\r\n\r\n", "", true},
  };
}

void expect_read(MessageReader& reader, const Case& wanted) {
  ASSERT_EQ(reader.progress(), Progress::kComplete) << wanted.name << ": " << reader.problem();
  const Message message = reader.take_message();
  EXPECT_EQ(message.body, wanted.body) << wanted.name;
  EXPECT_EQ(message.keep_alive, wanted.keep_alive) << wanted.name;
  EXPECT_GE(message.body.capacity(), message.body.size() + 64) << wanted.name;
  const auto header = std::ranges::find(message.headers, "x-a", &std::pair<std::string, std::string>::first);
  ASSERT_NE(header, message.headers.end()) << wanted.name;
  EXPECT_EQ(header->second, "1") << wanted.name;
  EXPECT_EQ(std::ranges::count(message.headers, "x-a", &std::pair<std::string, std::string>::first), 1) << wanted.name;
}

TEST(MessageReader, ReadsTheSameMessageHoweverItIsCut) {
  for (const Case& one : cases()) {
    MessageReader reader(one.kind);
    for (const std::size_t step : {1uz, 2uz, 3uz, 7uz, 1'000uz, 1'000'000uz}) {
      reader.start({});
      EXPECT_EQ(feed(reader, one.bytes, step), one.bytes.size()) << one.name;
      expect_read(reader, one);
      EXPECT_FALSE(reader.has_leftover()) << one.name;
    }
    for (std::size_t cut = 1; cut < std::min<std::size_t>(one.bytes.size(), 200); ++cut) {
      reader.start({});
      feed(reader, std::string_view(one.bytes).substr(0, cut), cut);
      feed(reader, std::string_view(one.bytes).substr(cut), one.bytes.size());
      expect_read(reader, one);
    }
  }
}

TEST(MessageReader, KeepsTheBytesOfTheNextMessage) {
  MessageReader reader(Kind::kRequest);
  const std::string one = "POST /1 HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi";
  reader.start({});
  feed(reader, one + "GET /2 HTTP/1.1\r\n\r\n" + one, 1'000);
  EXPECT_EQ(reader.take_message().target, "/1");
  EXPECT_TRUE(reader.has_leftover());
  reader.start({});
  ASSERT_EQ(reader.progress(), Progress::kComplete);
  EXPECT_EQ(reader.take_message().target, "/2");
  reader.start({});
  ASSERT_EQ(reader.progress(), Progress::kComplete);
  EXPECT_EQ(reader.take_message().body, "hi");
  EXPECT_FALSE(reader.has_leftover());
}

TEST(MessageReader, EndsAnAnswerWithoutLengthWithTheConnection) {
  MessageReader reader(Kind::kResponse);
  reader.start({});
  feed(reader, "HTTP/1.1 200 OK\r\n\r\nall of it", 4);
  ASSERT_EQ(reader.progress(), Progress::kMore);
  EXPECT_EQ(reader.commit_end(), Progress::kComplete);
  const Message message = reader.take_message();
  EXPECT_EQ(message.body, "all of it");
  EXPECT_FALSE(message.keep_alive);
}

TEST(MessageReader, NeverTakesAnUnfinishedMessageForAWholeOne) {
  for (const Case& one : cases()) {
    for (std::size_t cut = 0; cut < std::min<std::size_t>(one.bytes.size(), 300); ++cut) {
      MessageReader reader(one.kind);
      reader.start({});
      feed(reader, std::string_view(one.bytes).substr(0, cut), 64);
      ASSERT_EQ(reader.progress(), Progress::kMore) << one.name << " cut at " << cut;
      EXPECT_EQ(reader.begun(), cut > 0);
      EXPECT_EQ(reader.commit_end(), Progress::kMalformed) << one.name << " cut at " << cut;
    }
  }
}

TEST(MessageReader, LeavesOutTheBodyThatAnAnswerToHeadOnlySpeaksOf) {
  MessageReader reader(Kind::kResponse);
  reader.start({}, true);
  feed(reader, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", 1'000);
  ASSERT_EQ(reader.progress(), Progress::kComplete);
  EXPECT_EQ(reader.take_message().body, "");
}

TEST(MessageReader, RefusesWhatIsAboveItsLimits) {
  const MessageReader::Limits limits{.head_bytes = 1'000, .body_bytes = 100};
  const std::string chunks = [] {
    std::string out = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (int i = 0; i < 11; ++i) out += "a\r\n0123456789\r\n";
    return out;
  }();
  const std::pair<std::string, Progress> bad[] = {
      {"HTTP/1.1 200 OK\r\nx: " + std::string(2'000, 'x') + "\r\n\r\n", Progress::kHeadTooLarge},
      {"HTTP/1.1 200 " + std::string(200'000, 'x'), Progress::kHeadTooLarge},
      {"HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n", Progress::kBodyTooLarge},
      {"HTTP/1.1 200 OK\r\n\r\n" + std::string(101, 'x'), Progress::kBodyTooLarge},
      {chunks, Progress::kBodyTooLarge},
      {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;" + std::string(40'000, 'x'), Progress::kHeadTooLarge},
      {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: " + std::string(40'000, 'x'),
       Progress::kHeadTooLarge},
  };
  for (const auto& [bytes, progress] : bad) {
    for (const std::size_t step : {1uz, 100'000uz}) {
      MessageReader reader(Kind::kResponse);
      reader.start(limits);
      feed(reader, bytes, step);
      EXPECT_EQ(reader.progress(), progress) << bytes.substr(0, 60) << " in steps of " << step;
    }
  }
}

TEST(MessageReader, RefusesWhatIsNotHttp) {
  const std::string interim = "HTTP/1.1 100 x\r\n\r\n";
  std::string endless;
  for (int i = 0; i < 100; ++i) endless += interim;
  for (const std::string& bytes :
       {std::string("SSH-2.0-OpenSSH_9.2\r\n\r\n"), std::string("HTTP/2 200 OK\r\n\r\n"),
        std::string("HTTP/1.1 2x0 OK\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\ncontent-length: 1x\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"),
        std::string("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n"),
        std::string("HTTP/1.1 101 Switching\r\n\r\n"), endless}) {
    MessageReader reader(Kind::kResponse);
    reader.start({});
    feed(reader, bytes, 7);
    EXPECT_EQ(reader.progress(), Progress::kMalformed) << bytes.substr(0, 60);
    EXPECT_FALSE(reader.problem().empty());
  }
}

}  // namespace
}  // namespace dynamirror::http::impl
