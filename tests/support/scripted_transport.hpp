// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <list>
#include <string>
#include <utility>
#include <vector>

#include "async/signal.hpp"
#include "http/transport.hpp"

namespace dynamirror::support {

/// A Transport that follows a script: it expects certain requests in order and gives the answers written beside them.
///
/// Strict: a request that is not the next one expected fails the test (and gets an error of class fatal); so does, at
/// destruction, an expected request that never came. All requests are kept for a closer look.
/// Not thread-safe. Must outlive the event loop's use of it.
class ScriptedTransport final : public http::Transport {
 public:
  /// One expected request and its answer; made by `expect`, then described by the chained calls.
  class Exchange {
   public:
    using TextMatcher = ::testing::Matcher<std::string>;

    Exchange& with_header(std::string name, TextMatcher value);
    Exchange& without_header(std::string name);
    Exchange& with_body(TextMatcher body);

    /// Answers so; 200 and an empty body are the default.
    Exchange& answer(int status, std::string body, http::Headers headers = {});
    /// The network fails: class transient unless told otherwise.
    Exchange& fail(std::string code, ErrorClass error_class = ErrorClass::kTransient);
    /// The same exchange so many times. REQUIRES: count >= 1.
    Exchange& times(int count);
    /// Keeps the answer back until `release()` is called on the transport.
    Exchange& held();

   private:
    friend class ScriptedTransport;
    [[nodiscard]] std::string difference(const http::Request& request) const;

    std::string method_;
    std::string url_;
    std::vector<std::pair<std::string, TextMatcher>> headers_;
    std::vector<std::string> absent_headers_;
    TextMatcher body_ = ::testing::_;
    Result<http::Response> answer_ = http::Response{.status = 200, .headers = {}, .body = {}};
    int remaining_ = 1;
    bool held_ = false;
  };

  ScriptedTransport() = default;
  ~ScriptedTransport() override;

  /// Expects a request after those named before, e.g. expect("GET", "http://169.254.169.254/latest/api/token").
  Exchange& expect(std::string method, std::string url);

  [[nodiscard]] async::Task<Result<http::Response>> send(const http::Request& request,
                                                         http::SendOptions options) override;

  /// Lets all held answers go, now and later.
  void release();

  /// Requests whose answer is being held back.
  [[nodiscard]] int holding() const { return holding_; }

  [[nodiscard]] const std::vector<http::Request>& requests() const { return requests_; }
  [[nodiscard]] const std::vector<http::SendOptions>& send_options() const { return send_options_; }

 private:
  std::list<Exchange> script_;  // a list, so that references given out by expect() stay valid
  std::vector<http::Request> requests_;
  std::vector<http::SendOptions> send_options_;
  async::Signal released_signal_;
  bool released_ = false;
  int holding_ = 0;
};

/// The first header of this name, or "" when there is none.
[[nodiscard]] std::string header_of(const http::Request& request, std::string_view name);

}  // namespace dynamirror::support
