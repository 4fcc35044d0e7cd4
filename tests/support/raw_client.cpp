// SPDX-License-Identifier: Apache-2.0
#include "support/raw_client.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <ctime>

#include "support/sigv4.hpp"
#include "support/wire_format.hpp"

namespace dynamirror::support {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

std::string amz_date_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(system_clock().wall_now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

std::string bytes_of(const WireRequest& request) {
  std::string bytes = request.method + " " + request.target + " HTTP/1.1\r\n";
  for (const auto& [name, value] : request.headers) bytes.append(name).append(": ").append(value).append("\r\n");
  bytes += "content-length: " + std::to_string(request.body.size()) + "\r\n\r\n";
  return bytes + request.body;
}

}  // namespace

struct RawClient::Impl {
  explicit Impl(Options given) : options(std::move(given)) {}

  tcp::socket connect() {
    tcp::socket fresh(io);
    fresh.connect({asio::ip::address_v4::loopback(), options.port});
    fresh.set_option(tcp::no_delay(true));
    return fresh;
  }

  /// The next answer on the kept connection.
  Answer read_answer() {
    Answer answer;
    error_code error;
    const std::size_t head_bytes = asio::read_until(*socket, asio::dynamic_buffer(buffer), "\r\n\r\n", error);
    if (error) return answer;
    answer.status = std::atoi(buffer.c_str() + 9);  // behind "HTTP/1.1 "
    const std::size_t first_line = buffer.find("\r\n") + 2;
    if (!parse_header_lines(std::string_view(buffer).substr(first_line, head_bytes - first_line), answer.headers)) {
      return answer;
    }
    buffer.erase(0, head_bytes);
    const std::string length(find_header(answer.headers, "content-length").value_or("0"));
    const std::size_t wanted = std::strtoull(length.c_str(), nullptr, 10);
    if (buffer.size() < wanted) {
      asio::read(*socket, asio::dynamic_buffer(buffer), asio::transfer_exactly(wanted - buffer.size()), error);
    }
    answer.complete = buffer.size() >= wanted;
    answer.body = buffer.substr(0, wanted);
    buffer.erase(0, wanted);
    return answer;
  }

  Options options;
  asio::io_context io{1};
  std::optional<tcp::socket> socket;
  std::string buffer;
};

RawClient::RawClient(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
RawClient::~RawClient() = default;

RawClient::Answer RawClient::call(std::string_view target, std::string_view body, const Change& before_signing,
                                  const Change& after_signing) {
  const Identity& identity = impl_->options.identity;
  WireRequest request;
  request.method = "POST";
  request.target = "/";
  request.body = body;
  const std::string date = amz_date_now();
  request.headers = {{"host", "127.0.0.1:" + std::to_string(impl_->options.port)},
                     {"content-type", "application/x-amz-json-1.0"},
                     {"x-amz-target", std::string(target)},
                     {"x-amz-date", date}};
  if (!identity.session_token.empty()) request.headers.emplace_back("x-amz-security-token", identity.session_token);
  if (before_signing) before_signing(request);
  const SigningScope scope{date.substr(0, 8), impl_->options.region, "dynamodb"};
  request.headers.emplace_back("authorization",
                               sigv4_authorization(request, scope, identity.access_key_id, identity.secret_access_key));
  if (after_signing) after_signing(request);

  if (!impl_->socket) impl_->socket = impl_->connect();
  error_code error;
  asio::write(*impl_->socket, asio::buffer(bytes_of(request)), error);
  Answer answer = impl_->read_answer();
  if (!answer.complete) {
    impl_->socket.reset();
    impl_->buffer.clear();
  }
  return answer;
}

std::string RawClient::send_bytes(std::string_view bytes) {
  tcp::socket socket = impl_->connect();
  error_code error;
  asio::write(socket, asio::buffer(bytes.data(), bytes.size()), error);
  std::string received;
  asio::read(socket, asio::dynamic_buffer(received), error);
  return received;
}

}  // namespace dynamirror::support
