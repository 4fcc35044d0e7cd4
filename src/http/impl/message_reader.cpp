// SPDX-License-Identifier: Apache-2.0
// The one translation unit that includes Beast: it costs seconds to compile.
#include "http/impl/message_reader.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cassert>
#include <cstring>
#include <optional>
#include <utility>

#include "base/text.hpp"

namespace dynamirror::http::impl {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

constexpr std::size_t kBufferBytes = 16u << 10;  // one read takes a whole request of 25 items, or most answers
constexpr std::size_t kSpareBytes = 64;          // json::Reader::kPadding: parse the body in place
constexpr int kMaxInterimAnswers = 16;

/// Beast's parser with the message as its output. `sink` outlives the parser.
template <bool is_request>
class Parser final : public beast_http::basic_parser<is_request> {
 public:
  explicit Parser(Message& sink) : sink_(sink) {}

 private:
  void on_request_impl(beast_http::verb, string_view method, string_view target, int, error_code&) override {
    sink_.method.assign(method.data(), method.size());
    sink_.target.assign(target.data(), target.size());
  }
  void on_response_impl(int status, string_view, int, error_code&) override { sink_.status = status; }
  void on_field_impl(beast_http::field, string_view name, string_view value, error_code&) override {
    if (in_body_) return;  // a trailer must not pass for a header
    sink_.headers.emplace_back(to_lower({name.data(), name.size()}), std::string(value.data(), value.size()));
  }
  void on_header_impl(error_code&) override { in_body_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code&) override { return append(body); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override { return append(body); }
  void on_finish_impl(error_code&) override {}

  std::size_t append(string_view body) {
    sink_.body.append(body.data(), body.size());
    return body.size();
  }

  Message& sink_;
  bool in_body_ = false;
};

enum class Phase { kHead, kLength, kChunked, kUntilEnd, kDone };

}  // namespace

struct MessageReader::Impl {
  explicit Impl(Kind kind) : is_request(kind == Kind::kRequest) {}

  template <class Visitor>
  auto with_parser(Visitor visit) {
    return is_request ? visit(*request_parser) : visit(*response_parser);
  }

  void start_parser() {
    message.headers.clear();
    message.headers.reserve(8);
    // Beast's parsers serve for one message each.
    if (is_request) {
      request_parser.emplace(message);
    } else {
      response_parser.emplace(message);
    }
    with_parser([this](auto& parser) {
      parser.header_limit(static_cast<std::uint32_t>(limits.head_bytes));
      parser.body_limit(boost::none);  // for chunks we count ourselves, over the decoded body
      if (without_body) parser.skip(true);
    });
    phase = Phase::kHead;
  }

  void fail(Progress how, std::string why) {
    progress = how;
    problem = std::move(why);
  }

  void finish() {
    phase = Phase::kDone;
    message.body.reserve(message.body.size() + kSpareBytes);
    progress = Progress::kComplete;
  }

  /// Uses what the buffer holds, as far as it goes.
  void parse() {
    while (progress == Progress::kMore && begin < end) {
      switch (phase) {
        case Phase::kHead:
          if (!parse_head()) return;
          break;
        case Phase::kChunked:
          if (!parse_chunks()) return;
          break;
        case Phase::kLength:
          take_length();
          break;
        case Phase::kUntilEnd:
          take_rest();
          break;
        case Phase::kDone:
          return;
      }
    }
  }

  /// False when more bytes are needed, or none can help.
  bool put() {
    error_code error;
    begin += with_parser(
        [&](auto& parser) { return parser.put(boost::asio::const_buffer(buffer.get() + begin, end - begin), error); });
    if (!error) return true;
    if (error == beast_http::error::header_limit) {
      fail(Progress::kHeadTooLarge, error.message());
    } else if (error != beast_http::error::need_more) {
      fail(Progress::kMalformed, error.message());
    }
    return false;
  }

  bool parse_head() {
    if (!put()) return false;
    if (!is_request && message.status / 100 == 1) {
      if (message.status == 101 || ++interim_answers > kMaxInterimAnswers) {
        fail(Progress::kMalformed, "unexpected interim answer");
        return false;
      }
      start_parser();
      return true;
    }
    with_parser([this](auto& parser) { enter_body(parser); });
    return progress == Progress::kMore;
  }

  template <class AnyParser>
  void enter_body(AnyParser& parser) {
    message.keep_alive = parser.keep_alive();
    if (parser.is_done()) return finish();
    if (parser.chunked()) {
      parser.eager(true);
      phase = Phase::kChunked;
    } else if (const auto length = parser.content_length()) {
      if (*length > limits.body_bytes) return fail(Progress::kBodyTooLarge, "declared length above the limit");
      phase = Phase::kLength;
      wanted = static_cast<std::size_t>(*length);
      message.body.reserve(wanted + kSpareBytes);
      // Not zeroed: pages of a megabyte are read straight into it, and a false promise of a length costs no memory.
      message.body.resize_and_overwrite(wanted, [](char*, std::size_t size) { return size; });
      filled = 0;
    } else {
      phase = Phase::kUntilEnd;
    }
  }

  bool parse_chunks() {
    // The rest of a chunked message is never shorter, and Beast 1.81 asserts it: "0\r\n" alone would end the process.
    constexpr std::size_t kShortestRest = std::string_view("0\r\n\r\n").size();
    if (end - begin < kShortestRest) return false;
    const bool went_on = put();
    if (progress != Progress::kMore) return false;
    if (message.body.size() > limits.body_bytes) {
      fail(Progress::kBodyTooLarge, "chunks above the limit");
      return false;
    }
    if (with_parser([](auto& parser) { return parser.is_done(); })) finish();
    return went_on;
  }

  void take_length() {
    const std::size_t size = std::min(end - begin, wanted - filled);
    std::memcpy(message.body.data() + filled, buffer.get() + begin, size);
    begin += size;
    advance_length(size);
  }

  void advance_length(std::size_t size) {
    filled += size;
    if (filled == wanted) finish();
  }

  void take_rest() {
    message.body.append(buffer.get() + begin, end - begin);
    begin = end;
    if (message.body.size() > limits.body_bytes) fail(Progress::kBodyTooLarge, "body above the limit");
  }

  /// Room behind `end`, moving or growing what is there.
  void make_room() {
    if (!buffer) {
      capacity = kBufferBytes;
      buffer = std::make_unique_for_overwrite<char[]>(capacity);
    }
    if (begin == end) begin = end = 0;
    if (end < capacity) return;
    if (begin > 0) {
      std::memmove(buffer.get(), buffer.get() + begin, end - begin);
    } else {
      // Only an unfinished head, chunk header or trailer gets here; the parser ends the first at its limit.
      capacity *= 2;
      auto larger = std::make_unique_for_overwrite<char[]>(capacity);
      std::memcpy(larger.get(), buffer.get(), end);
      buffer = std::move(larger);
    }
    end -= begin;
    begin = 0;
  }

  const bool is_request;
  Limits limits;
  bool without_body = false;
  Phase phase = Phase::kDone;
  Progress progress = Progress::kComplete;
  bool begun = false;
  int interim_answers = 0;
  std::string problem;
  Message message;
  std::optional<Parser<true>> request_parser;
  std::optional<Parser<false>> response_parser;

  std::unique_ptr<char[]> buffer;  // [begin, end) is unread
  std::size_t capacity = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t wanted = 0;  // kLength: size of the body, and how much of it is there
  std::size_t filled = 0;
};

MessageReader::MessageReader(Kind kind) : impl_(std::make_unique<Impl>(kind)) {}
MessageReader::MessageReader(MessageReader&&) noexcept = default;
MessageReader& MessageReader::operator=(MessageReader&&) noexcept = default;
MessageReader::~MessageReader() = default;

void MessageReader::start(Limits limits, bool without_body) {
  impl_->limits = limits;
  impl_->without_body = without_body;
  impl_->interim_answers = 0;
  impl_->message = Message{};
  impl_->progress = Progress::kMore;
  impl_->begun = impl_->begin < impl_->end;
  impl_->start_parser();
  impl_->parse();
}

std::span<char> MessageReader::prepare() {
  assert(impl_->progress == Progress::kMore);
  if (impl_->phase == Phase::kLength && impl_->begin == impl_->end) {
    return {impl_->message.body.data() + impl_->filled, impl_->wanted - impl_->filled};
  }
  impl_->make_room();
  return {impl_->buffer.get() + impl_->end, impl_->capacity - impl_->end};
}

MessageReader::Progress MessageReader::commit(std::size_t size) {
  assert(impl_->progress == Progress::kMore);
  if (size == 0) return impl_->progress;
  impl_->begun = true;
  if (impl_->phase == Phase::kLength) {
    impl_->advance_length(size);
    return impl_->progress;
  }
  impl_->end += size;
  impl_->parse();
  // What no buffer within the limits can hold (an endless chunk extension or trailer) is refused here.
  if (impl_->progress == Progress::kMore && impl_->end - impl_->begin > impl_->limits.head_bytes) {
    impl_->fail(Progress::kHeadTooLarge, "line above the limit");
  }
  return impl_->progress;
}

MessageReader::Progress MessageReader::commit_end() {
  assert(impl_->progress == Progress::kMore);
  if (impl_->phase == Phase::kUntilEnd) {
    impl_->finish();
  } else {
    impl_->fail(Progress::kMalformed, "the connection ended in the middle of the message");
  }
  return impl_->progress;
}

MessageReader::Progress MessageReader::progress() const { return impl_->progress; }
bool MessageReader::head_complete() const { return impl_->phase != Phase::kHead; }
bool MessageReader::begun() const { return impl_->begun; }
bool MessageReader::has_leftover() const { return impl_->begin < impl_->end; }
std::string MessageReader::problem() const { return impl_->problem; }
const Message& MessageReader::message() const { return impl_->message; }

Message MessageReader::take_message() {
  assert(impl_->progress == Progress::kComplete);
  return std::exchange(impl_->message, Message{});
}

}  // namespace dynamirror::http::impl
