// SPDX-License-Identifier: Apache-2.0
#include "support/scripted_transport.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sstream>

namespace dynamirror::support {
namespace {

std::string line_of(const http::Request& request) {
  return request.method + " " + request.endpoint.url() + request.target;
}

bool has_header(const http::Request& request, std::string_view name) {
  return std::any_of(request.headers.begin(), request.headers.end(),
                     [&](const auto& header) { return header.first == name; });
}

/// "" when it matches, otherwise what was wanted and what came.
std::string mismatch(const std::string& what, const ::testing::Matcher<std::string>& matcher,
                     const std::string& value) {
  if (matcher.Matches(value)) return {};
  std::ostringstream text;
  text << what << " ";
  matcher.DescribeTo(&text);
  text << ", but it is " << ::testing::PrintToString(value);
  return text.str();
}

}  // namespace

using Exchange = ScriptedTransport::Exchange;

Exchange& Exchange::with_header(std::string name, TextMatcher value) {
  headers_.emplace_back(std::move(name), std::move(value));
  return *this;
}

Exchange& Exchange::without_header(std::string name) {
  absent_headers_.push_back(std::move(name));
  return *this;
}

Exchange& Exchange::with_body(TextMatcher body) {
  body_ = std::move(body);
  return *this;
}

Exchange& Exchange::answer(int status, std::string body, http::Headers headers) {
  answer_ = http::Response{.status = status, .headers = std::move(headers), .body = std::move(body)};
  return *this;
}

Exchange& Exchange::fail(std::string code, ErrorClass error_class) {
  answer_ = std::unexpected(Error{.error_class = error_class,
                                  .doing = "send request",
                                  .resource = "scripted",
                                  .code = std::move(code),
                                  .message = "the network failed as scripted"});
  answer_.error().not_applied = answer_.error().code == "Connect" || answer_.error().code == "Resolve";
  return *this;
}

Exchange& Exchange::times(int count) {
  remaining_ = count;
  return *this;
}

Exchange& Exchange::held() {
  held_ = true;
  return *this;
}

std::string Exchange::difference(const http::Request& request) const {
  if (const std::string line = method_ + " " + url_; line != line_of(request)) {
    return "expected " + line + ", but got " + line_of(request);
  }
  for (const auto& [name, matcher] : headers_) {
    if (!has_header(request, name)) return "header " + name + " is missing";
    if (auto text = mismatch("header " + name, matcher, header_of(request, name)); !text.empty()) return text;
  }
  for (const std::string& name : absent_headers_) {
    if (has_header(request, name)) return "header " + name + " should not be there";
  }
  return mismatch("the body", body_, request.body);
}

ScriptedTransport::~ScriptedTransport() {
  for (const Exchange& exchange : script_) {
    ADD_FAILURE() << "expected " << exchange.remaining_ << " more of " << exchange.method_ << " " << exchange.url_;
  }
}

Exchange& ScriptedTransport::expect(std::string method, std::string url) {
  Exchange& exchange = script_.emplace_back();
  exchange.method_ = std::move(method);
  exchange.url_ = std::move(url);
  return exchange;
}

async::Task<Result<http::Response>> ScriptedTransport::send(const http::Request& request, http::SendOptions options) {
  requests_.push_back(request);
  send_options_.push_back(options);
  Result<http::Response> answer = failure(ErrorClass::kFatal, "send request", "scripted", "not in the script");
  bool held = false;
  if (script_.empty()) {
    ADD_FAILURE() << "unexpected request: " << line_of(request);
  } else {
    Exchange& next = script_.front();
    const std::string difference = next.difference(request);
    EXPECT_EQ(difference, "") << "in request " << requests_.size() << ": " << line_of(request);
    if (difference.empty()) {
      answer = next.answer_;
      held = next.held_;
    }
    if (--next.remaining_ == 0) script_.pop_front();
  }
  // As over a real network, nothing is answered within the caller's own turn.
  co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
  if (held) {
    ++holding_;
    while (!released_) co_await released_signal_.wait();
    --holding_;
  }
  co_return answer;
}

void ScriptedTransport::release() {
  released_ = true;
  released_signal_.notify();
}

std::string header_of(const http::Request& request, std::string_view name) {
  const auto at = std::find_if(request.headers.begin(), request.headers.end(),
                               [&](const auto& header) { return header.first == name; });
  return at == request.headers.end() ? std::string() : at->second;
}

}  // namespace dynamirror::support
