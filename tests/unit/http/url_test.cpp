// SPDX-License-Identifier: Apache-2.0
//
// Goal: an endpoint is understood exactly, or refused; nothing in it can write headers or hide a password in an error.
// Method: tables of good and bad texts.
#include <gtest/gtest.h>

#include "http/transport.hpp"

namespace dynamirror::http {
namespace {

struct Good {
  const char* text;
  Endpoint endpoint;
  const char* path;
  const char* authority;
};

TEST(Url, UnderstandsHostsAddressesPortsAndPaths) {
  const Good cases[] = {
      {"https://dynamodb.eu-west-1.amazonaws.com",
       {true, "dynamodb.eu-west-1.amazonaws.com", 443},
       "",
       "dynamodb.eu-west-1.amazonaws.com"},
      {"HTTPS://Example.COM:443/", {true, "example.com", 443}, "/", "example.com"},
      {"https://h:80/a/b?c=d", {true, "h", 80}, "/a/b?c=d", "h:80"},
      {"http://127.0.0.1:8000/Orders", {false, "127.0.0.1", 8000}, "/Orders", "127.0.0.1:8000"},
      {"http://h?x=1", {false, "h", 80}, "/?x=1", "h"},
      {"http://[::1]:8000/t", {false, "::1", 8000}, "/t", "[::1]:8000"},
      {"https://[FD00:ec2::254]", {true, "fd00:ec2::254", 443}, "", "[fd00:ec2::254]"},
      {"http://my_host-1:65535", {false, "my_host-1", 65535}, "", "my_host-1:65535"},
  };
  for (const Good& good : cases) {
    const auto url = parse_url(good.text);
    ASSERT_TRUE(url) << good.text << ": " << to_line(url.error());
    EXPECT_EQ(url->endpoint, good.endpoint) << good.text;
    EXPECT_EQ(url->path_and_query, good.path) << good.text;
    EXPECT_EQ(url->endpoint.authority(), good.authority) << good.text;
  }
}

TEST(Url, RefusesWhatIsNotExactlyAnEndpoint) {
  for (const char* text : {"",
                           "h",
                           "h:80/x",
                           "ftp://h",
                           "http:/h",
                           "http://",
                           "https:///path",
                           "http://h:",
                           "http://h:0",
                           "http://h:65536",
                           "http://h:-1",
                           "http://h:80a",
                           "http://h: 80",
                           "http://a b",
                           "http://h\r\nx: y",
                           "http://h/a b",
                           "http://h/a\r\nx: y",
                           "http://h/\x7f",
                           "http://h/#top",
                           "http://[::1",
                           "http://[::1]x",
                           "http://[h]",
                           "http://::1",
                           "http://[]",
                           "http://[127.0.0.1]",
                           "http://h:1:2",
                           "http://ex%61mple",
                           "http://h\\x",
                           "https//h",
                           "://h"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().error_class, ErrorClass::kInvalid) << text;
  }
}

TEST(Url, NamesTheTextItRefusesUnlessThatMayHoldAPassword) {
  EXPECT_NE(to_line(parse_url("ftp://somewhere").error()).find("ftp://somewhere"), std::string::npos);
  EXPECT_EQ(to_line(parse_url("http://user:hunter2@h").error()).find("hunter2"), std::string::npos);
  EXPECT_EQ(to_line(parse_url("ftp://user:hunter2@h").error()).find("hunter2"), std::string::npos);
  EXPECT_EQ(to_line(parse_url("http://user:hunter2@h:0/").error()).find("hunter2"), std::string::npos);
  EXPECT_EQ(to_line(parse_url("http://user:hunter2@h/a b").error()).find("hunter2"), std::string::npos);
}

TEST(Url, KnowsTheLoopback) {
  for (const char* host : {"localhost", "127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_TRUE((Endpoint{.tls = false, .host = host, .port = 80}.loopback())) << host;
  }
  for (const char* host : {"128.0.0.1", "localhost.example.com", "::2", "10.0.0.1", "127.0.0.1.example.com"}) {
    EXPECT_FALSE((Endpoint{.tls = false, .host = host, .port = 80}.loopback())) << host;
  }
}

TEST(Url, WritesTheEndpointBackWithoutTheSchemesOwnPort) {
  EXPECT_EQ((Endpoint{.tls = true, .host = "h", .port = 443}.url()), "https://h");
  EXPECT_EQ((Endpoint{.tls = false, .host = "::1", .port = 8000}.url()), "http://[::1]:8000");
}

TEST(Response, FindsTheFirstHeaderOfAName) {
  const Response response{.status = 200, .headers = {{"a", "1"}, {"b", "2"}, {"a", "3"}}, .body = ""};
  EXPECT_EQ(response.header("a"), "1");
  EXPECT_EQ(response.header("c"), std::nullopt);
}

}  // namespace
}  // namespace dynamirror::http
