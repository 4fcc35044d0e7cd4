// SPDX-License-Identifier: Apache-2.0
//
// Goal: nothing is sent to a server whose certificate does not verify for the name asked for, and the error says why.
// Method: our server with certificates of an authority made for the test, in every way right and wrong.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "http/beast_transport.hpp"
#include "http/server.hpp"
#include "unit/http/loop_test_kit.hpp"
#include "unit/http/test_certificates.hpp"

namespace dynamirror::http {
namespace {

async::Task<ServerResponse> echo_body(ServerRequest request) {
  ServerResponse response{.body = std::move(request.body)};
  co_return response;
}

async::Task<ServerResponse> close_after_answer(ServerRequest) {
  ServerResponse response{.close_after = true};
  co_return response;
}

class TlsTest : public testing::Test {
 protected:
  TlsTest() : authority_("Test Authority") {
    bundle_ = std::filesystem::temp_directory_path() /
              ("http_tls_test_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name() + ".pem");
    std::ofstream(bundle_) << authority_.certificate();
  }
  ~TlsTest() override { std::filesystem::remove(bundle_); }

  void listen(const TestCertificate& certificate, Server::Handler handler = echo_body) {
    auto server = Server::listen(loop_.get_executor(),
                                 {.tls_certificate_pem = certificate.certificate, .tls_key_pem = certificate.key},
                                 std::move(handler));
    ASSERT_TRUE(server) << to_line(server.error());
    server_ = std::move(*server);
  }

  void make_transport(std::string ca_bundle) {
    auto transport = BeastTransport::make(loop_.get_executor(), {.ca_bundle = std::move(ca_bundle)});
    ASSERT_TRUE(transport) << to_line(transport.error());
    transport_ = std::move(*transport);
  }

  Result<Response> send(const std::string& host, std::string body = "hello") {
    if (!transport_) make_transport(bundle_);
    const Request request{.endpoint = {.tls = true, .host = host, .port = server_->port()}, .body = std::move(body)};
    return run(loop_, transport_->send(request, {}));
  }

  void expect_refused(const Result<Response>& answer, const std::string& reason) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().error_class, ErrorClass::kDenied) << to_line(answer.error());
    EXPECT_EQ(answer.error().code, "Tls") << to_line(answer.error());
    EXPECT_NE(answer.error().message.find(reason), std::string::npos) << to_line(answer.error());
    EXPECT_EQ(server_->stats().requests, 0u);
  }

  TestAuthority authority_;
  std::filesystem::path bundle_;
  boost::asio::io_context loop_{1};
  std::unique_ptr<Server> server_;
  std::unique_ptr<BeastTransport> transport_;
};

TEST_F(TlsTest, TrustsAServerOfTheGivenAuthorityByNameAndByAddress) {
  listen(authority_.issue({.name = "any", .alternative_name = "DNS:localhost,IP:127.0.0.1"}));
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto answer = send(host);
    ASSERT_TRUE(answer) << to_line(answer.error());
    EXPECT_EQ(answer->body, "hello");
  }
}

TEST_F(TlsTest, CarriesBodiesOfEverySize) {
  listen(authority_.issue({.name = "any", .alternative_name = "IP:127.0.0.1"}));
  for (const std::size_t size : {0uz, 1uz, 16'000uz, 65'000uz, 70'000uz, 5'000'000uz}) {
    std::string body(size, 'x');
    if (size > 2) body[size / 2] = 'y';
    const auto answer = send("127.0.0.1", body);
    ASSERT_TRUE(answer) << to_line(answer.error());
    EXPECT_TRUE(answer->body == body) << size;
  }
  EXPECT_EQ(server_->stats().connections_accepted, 1u);
}

TEST_F(TlsTest, RefusesACertificateForAnotherName) {
  listen(authority_.issue({.name = "localhost", .alternative_name = "DNS:dynamodb.example.com"}));
  expect_refused(send("localhost"), "check the endpoint");
  expect_refused(send("127.0.0.1"), "check the endpoint");
}

TEST_F(TlsTest, RefusesACertificateThatNamesTheServerInItsCommonNameAlone) {
  listen(authority_.issue({.name = "localhost", .alternative_name = ""}));
  expect_refused(send("localhost"), "subject alternative name");
}

TEST_F(TlsTest, RefusesAServerOfAnUnknownAuthority) {
  listen(TestAuthority("Somebody Else").issue({.name = "any", .alternative_name = "DNS:localhost"}));
  expect_refused(send("localhost"), "AWS_CA_BUNDLE");
}

TEST_F(TlsTest, RefusesTheTestAuthorityWhenOnlyTheSystemsStoreCounts) {
  listen(authority_.issue({.name = "any", .alternative_name = "DNS:localhost"}));
  make_transport("");
  expect_refused(send("localhost"), "AWS_CA_BUNDLE");
}

TEST_F(TlsTest, RefusesASelfSignedCertificate) {
  listen(TestAuthority("localhost").own());
  expect_refused(send("localhost"), "self-signed");
}

TEST_F(TlsTest, RefusesAnExpiredCertificate) {
  listen(authority_.issue(
      {.name = "any", .alternative_name = "DNS:localhost", .valid_from_s = -7'200, .valid_until_s = -3'600}));
  expect_refused(send("localhost"), "expired");
}

TEST_F(TlsTest, RefusesACertificateThatIsNotValidYet) {
  listen(authority_.issue(
      {.name = "any", .alternative_name = "DNS:localhost", .valid_from_s = 3'600, .valid_until_s = 7'200}));
  expect_refused(send("localhost"), "clock");
}

TEST_F(TlsTest, ShortensTheHandshakeOfLaterConnections) {
  listen(authority_.issue({.name = "any", .alternative_name = "IP:127.0.0.1"}), close_after_answer);
  for (int i = 0; i < 3; ++i) {
    const auto answer = send("127.0.0.1");
    ASSERT_TRUE(answer) << to_line(answer.error());
  }
  EXPECT_EQ(transport_->stats().connections_opened, 3u);
  EXPECT_EQ(transport_->stats().tls_resumed, 2u);
}

TEST_F(TlsTest, SaysThatAServerDoesNotSpeakTls) {
  RawListener listener(loop_);
  make_transport(bundle_);
  start(loop_, [](RawListener& from) -> async::Task<> {
    RawConnection connection = co_await from.accept();
    co_await connection.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    (void)co_await connection.read_to_end();
  }(listener));
  const Request request{.endpoint = {.tls = true, .host = "127.0.0.1", .port = listener.port()}};
  const auto answer = run(loop_, transport_->send(request, {}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "Protocol") << to_line(answer.error());
  EXPECT_EQ(answer.error().error_class, ErrorClass::kTransient);
}

TEST_F(TlsTest, EndsAHandshakeThatHangs) {
  RawListener listener(loop_);
  make_transport(bundle_);
  const Request request{.endpoint = {.tls = true, .host = "127.0.0.1", .port = listener.port()}};
  const auto answer = run(loop_, transport_->send(request, {.connect_timeout = std::chrono::milliseconds(50)}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "Timeout") << to_line(answer.error());
}

TEST_F(TlsTest, RefusesABundleThatCannotBeRead) {
  for (const std::string& path : {std::string("/nonexistent/ca.pem"), std::string("/dev/null")}) {
    const auto transport = BeastTransport::make(loop_.get_executor(), {.ca_bundle = path});
    ASSERT_FALSE(transport);
    EXPECT_EQ(transport.error().error_class, ErrorClass::kInvalid);
    EXPECT_NE(to_line(transport.error()).find(path), std::string::npos);
  }
}

TEST_F(TlsTest, ServerRefusesACertificateWithoutItsKey) {
  const auto one = authority_.issue({.name = "a", .alternative_name = "DNS:a"});
  const auto other = authority_.issue({.name = "b", .alternative_name = "DNS:b"});
  for (const std::string& key : {other.key, std::string(), std::string("nonsense")}) {
    const auto server =
        Server::listen(loop_.get_executor(), {.tls_certificate_pem = one.certificate, .tls_key_pem = key}, echo_body);
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().error_class, ErrorClass::kInvalid);
  }
}

}  // namespace
}  // namespace dynamirror::http
