// SPDX-License-Identifier: Apache-2.0
//
// Goal: exactly the requests that should go through a proxy do, nobody but the proxy sees its password, and a refusal
// is said as what it is. Method: the rules by table; the transport against a scripted proxy on a bare socket.
#include "http/proxy.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "http/beast_transport.hpp"
#include "unit/http/loop_test_kit.hpp"

namespace dynamirror::http {
namespace {

Endpoint https(std::string host, std::uint16_t port = 443) {
  return {.tls = true, .host = std::move(host), .port = port};
}

ProxyRules rules(const std::string& no_proxy) {
  auto parsed = ProxyRules::parse(
      {.https_proxy = Secret("http://secure.proxy:3128"), .http_proxy = Secret("plain.proxy"), .no_proxy = no_proxy});
  EXPECT_TRUE(parsed);
  return *parsed;
}

TEST(ProxyRules, ChooseTheProxyByScheme) {
  const ProxyRules both = rules("");
  EXPECT_EQ(both.proxy_for(https("example.com"))->endpoint, (Endpoint{false, "secure.proxy", 3128}));
  EXPECT_EQ(both.proxy_for({false, "example.com", 80})->endpoint, (Endpoint{false, "plain.proxy", 80}));
  const auto none = ProxyRules::parse({});
  EXPECT_EQ(none->proxy_for(https("example.com")), nullptr);
}

TEST(ProxyRules, LetNoProxyMatchHostsSuffixesAddressesAndNetworks) {
  struct Case {
    const char* no_proxy;
    Endpoint endpoint;
    bool bypassed;
  };
  const Case cases[] = {
      {"*", https("example.com"), true},
      {"example.com", https("example.com"), true},
      {"EXAMPLE.com", https("example.com"), true},
      {"example.com", https("db.example.com"), true},
      {".example.com", https("db.example.com"), true},
      {".example.com", https("example.com"), true},
      {"*.example.com", https("db.example.com"), true},
      {"*.example.com", https("example.com"), true},
      {"*.example.com:443", https("db.example.com"), true},
      {"*.example.com", https("badexample.com"), false},
      {"*", https("10.0.0.1"), true},
      {"example.com", https("badexample.com"), false},
      {"example.com", https("example.com.evil.org"), false},
      {"a, example.com\tb", https("example.com"), true},
      {",,", https("example.com"), false},
      {".", https("example.com"), false},
      {"example.com:443", https("example.com"), true},
      {"example.com:8443", https("example.com"), false},
      {"10.0.0.1", https("10.0.0.1"), true},
      {"10.0.0.1:443", https("10.0.0.1"), true},
      {"0.0.1", https("10.0.0.1"), false},
      {"10.0.0.0/8", https("10.200.3.4"), true},
      {"10.0.0.0/8", https("11.0.0.1"), false},
      {"10.0.0.0/8", https("example.com"), false},
      {"10.0.0.0/99", https("10.0.0.1"), false},
      {"fd00::/8", https("fd12::1"), true},
      {"fd00::/8", https("10.0.0.1"), false},
      {"2001:db8::1", https("2001:db8:0::1"), true},
      {"[2001:db8::1]:443", https("2001:db8::1"), true},
      {"[2001:db8::1]:8443", https("2001:db8::1"), false},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(rules(one.no_proxy).proxy_for(one.endpoint) == nullptr, one.bypassed)
        << one.no_proxy << " for " << one.endpoint.url();
  }
}

TEST(ProxyRules, NeverSendLoopbackOrMetadataThroughAProxy) {
  for (const char* host : {"localhost", "127.0.0.1", "::1", "169.254.169.254", "169.254.170.2", "169.254.170.23",
                           "fd00:ec2::254", "fd00:ec2:0::23"}) {
    EXPECT_EQ(rules("").proxy_for({false, host, 80}), nullptr) << host;
  }
}

TEST(ProxyRules, RefuseAProxyThatCannotBeUnderstoodWithoutRepeatingIt) {
  for (const char* text :
       {"https://u:hunter2@p:1", "socks5://u:hunter2@p", "http://u:hunter2@p:0", "http://u:hunter2%zz@p",
        "http://u:hunter2@", "http://u:hunter2@p/path", "http://u:hunter2@p q"}) {
    const auto parsed = ProxyRules::parse({.https_proxy = Secret(text)});
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().error_class, ErrorClass::kInvalid);
    EXPECT_NE(to_line(parsed.error()).find("HTTPS_PROXY"), std::string::npos);
    EXPECT_EQ(to_line(parsed.error()).find("hunter2"), std::string::npos) << to_line(parsed.error());
  }
}

TEST(ProxyRules, MakeTheAuthorizationOutOfUserAndPassword) {
  const auto with = ProxyRules::parse({.https_proxy = Secret("http://Aladdin:open%20sesame@p:1")});
  ASSERT_TRUE(with);
  EXPECT_EQ(with->proxy_for(https("h"))->authorization.reveal(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  const auto without = ProxyRules::parse({.https_proxy = Secret("p:1")});
  EXPECT_TRUE(without->proxy_for(https("h"))->authorization.empty());
}

TEST(ProxyOptions, ComeFromTheEnvironmentLowerCaseFirst) {
  const char* names[] = {"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"};
  for (const char* name : names) ::unsetenv(name);
  EXPECT_TRUE(proxy_options_from_environment().https_proxy.empty());
  ::setenv("HTTPS_PROXY", "upper", 1);
  ::setenv("HTTP_PROXY", "plain", 1);
  ::setenv("NO_PROXY", "a,b", 1);
  EXPECT_EQ(proxy_options_from_environment().https_proxy.reveal(), "upper");
  EXPECT_EQ(proxy_options_from_environment().http_proxy.reveal(), "plain");
  EXPECT_EQ(proxy_options_from_environment().no_proxy, "a,b");
  ::setenv("https_proxy", "lower", 1);
  EXPECT_EQ(proxy_options_from_environment().https_proxy.reveal(), "lower");
  for (const char* name : names) ::unsetenv(name);
}

class ProxyTest : public testing::Test {
 protected:
  /// Sends to http://db.example.com:8000 by way of the scripted proxy.
  Result<Response> send(int times = 1) {
    const std::string proxy = "http://user:hunter2@127.0.0.1:" + std::to_string(proxy_.port());
    auto transport = BeastTransport::make(loop_.get_executor(),
                                          {.proxy = {.https_proxy = Secret(proxy), .http_proxy = Secret(proxy)}});
    if (!transport) return std::unexpected(transport.error());
    const Request request{.endpoint = {.tls = tls_, .host = "db.example.com", .port = 8000}, .body = "hello"};
    Result<Response> answer = run(loop_, (*transport)->send(request, {}));
    for (int i = 1; i < times; ++i) answer = run(loop_, (*transport)->send(request, {}));
    return answer;
  }

  /// Takes one CONNECT, gives `answer`, and plays the server behind it for `requests` requests.
  static async::Task<> play(RawListener& listener, std::string& seen, std::string answer, int requests) {
    RawConnection connection = co_await listener.accept();
    seen = co_await connection.read_until("\r\n\r\n");
    co_await connection.write(answer);
    for (int i = 0; i < requests; ++i) {
      const std::string request = co_await connection.read_until("hello");
      EXPECT_TRUE(request.starts_with("POST / HTTP/1.1\r\nhost: db.example.com:8000\r\n")) << request;
      EXPECT_EQ(request.find("proxy-authorization"), std::string::npos);
      co_await connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }
    (void)co_await connection.read_to_end();
  }

  boost::asio::io_context loop_{1};
  RawListener proxy_{loop_};
  std::string seen_;
  bool tls_ = false;
};

TEST_F(ProxyTest, AsksForATunnelOnceAndSendsEveryRequestThroughIt) {
  start(loop_, play(proxy_, seen_, "HTTP/1.1 200 Connection established\r\n\r\n", 3));
  const auto answer = send(3);
  ASSERT_TRUE(answer) << to_line(answer.error());
  EXPECT_EQ(answer->body, "ok");
  EXPECT_EQ(seen_,
            "CONNECT db.example.com:8000 HTTP/1.1\r\nhost: db.example.com:8000\r\n"
            "proxy-authorization: Basic dXNlcjpodW50ZXIy\r\n\r\n");
  EXPECT_EQ(proxy_.accepted(), 1);
}

TEST_F(ProxyTest, SaysThatTheProxyWantsOtherCredentials) {
  start(loop_, play(proxy_, seen_, "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 2\r\n\r\nno", 0));
  const auto answer = send();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "Proxy");
  EXPECT_EQ(answer.error().error_class, ErrorClass::kDenied);
  EXPECT_EQ(answer.error().http_status, 407);
  const std::string line = to_line(answer.error());
  EXPECT_NE(line.find("127.0.0.1:" + std::to_string(proxy_.port())), std::string::npos) << line;
  EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
  EXPECT_EQ(line.find("dXNlcjpodW50ZXIy"), std::string::npos) << line;
}

TEST_F(ProxyTest, TakesAProxyThatCannotReachTheServerForPassingTrouble) {
  start(loop_, play(proxy_, seen_, "HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n", 0));
  const auto answer = send();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "Proxy");
  EXPECT_EQ(answer.error().error_class, ErrorClass::kTransient);
}

TEST_F(ProxyTest, NamesAProxyThatIsDown) {
  const auto port = proxy_.port();
  proxy_.close();
  auto transport = BeastTransport::make(
      loop_.get_executor(), {.proxy = {.http_proxy = Secret("http://user:hunter2@127.0.0.1:" + std::to_string(port))}});
  const Request request{.endpoint = {.tls = false, .host = "db.example.com", .port = 80}};
  const auto answer = run(loop_, (*transport)->send(request, {}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "Connect");
  EXPECT_NE(to_line(answer.error()).find(std::to_string(port)), std::string::npos) << to_line(answer.error());
  EXPECT_EQ(to_line(answer.error()).find("hunter2"), std::string::npos);
}

TEST_F(ProxyTest, DoesNotTrustAProxyThatSpeaksForTheServer) {
  tls_ = true;
  start(loop_, play(proxy_, seen_, "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 0));
  const auto answer = send();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "Protocol") << to_line(answer.error());
}

TEST_F(ProxyTest, DoesNotWaitForeverForAProxyThatStopsInMidAnswer) {
  start(loop_, play(proxy_, seen_, "HTTP/1.1 200", 0));
  const auto answer = [&] {
    auto transport = BeastTransport::make(
        loop_.get_executor(), {.proxy = {.http_proxy = Secret("127.0.0.1:" + std::to_string(proxy_.port()))}});
    const Request request{.endpoint = {.tls = false, .host = "db.example.com", .port = 80}};
    return run(loop_, (*transport)->send(request, {.connect_timeout = std::chrono::milliseconds(50)}));
  }();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "Timeout") << to_line(answer.error());
}

}  // namespace
}  // namespace dynamirror::http
