// SPDX-License-Identifier: Apache-2.0
#include "support/upstream.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <vector>

#include "support/wire_format.hpp"

namespace dynamirror::support {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

auto into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

struct Connection {
  explicit Connection(tcp::socket connected) : socket(std::move(connected)) {}
  tcp::socket socket;
  std::string buffer;
};

std::string bytes_of(const WireRequest& request) {
  std::string bytes = request.method + " " + request.target + " HTTP/1.1\r\n";
  for (const auto& [name, value] : request.headers) {
    if (name == "content-length" || name == "connection") continue;
    bytes.append(name).append(": ").append(value).append("\r\n");
  }
  bytes += "content-length: " + std::to_string(request.body.size()) + "\r\n\r\n";
  return bytes + request.body;
}

/// Takes exactly `count` bytes from the connection; false when it ends before.
async::Task<bool> read_bytes(Connection& connection, std::size_t count, std::string& out) {
  error_code error;
  std::string& buffer = connection.buffer;
  if (buffer.size() < count) {
    const std::size_t missing = count - buffer.size();
    co_await asio::async_read(connection.socket, asio::dynamic_buffer(buffer), asio::transfer_exactly(missing),
                              into(error));
  }
  if (buffer.size() < count) co_return false;
  out.append(buffer, 0, count);
  buffer.erase(0, count);
  co_return true;
}

/// Takes a line without its end; nothing when the connection ends before.
async::Task<std::optional<std::string>> read_line(Connection& connection, std::string_view end) {
  error_code error;
  const std::string delimiter(end);
  const std::size_t length = co_await asio::async_read_until(connection.socket, asio::dynamic_buffer(connection.buffer),
                                                             delimiter, into(error));
  if (error) co_return std::nullopt;
  std::string line = connection.buffer.substr(0, length - end.size());
  connection.buffer.erase(0, length);
  co_return line;
}

async::Task<bool> read_chunks(Connection& connection, std::string& body) {
  for (;;) {
    const auto size_line = co_await read_line(connection, "\r\n");
    if (!size_line) co_return false;
    const std::size_t size = std::strtoull(size_line->c_str(), nullptr, 16);
    if (size > 0) {
      const bool read = co_await read_bytes(connection, size, body);
      if (!read) co_return false;
    }
    const auto end = co_await read_line(connection, "\r\n");
    if (!end) co_return false;
    if (size == 0) co_return true;
  }
}

async::Task<std::optional<WireReply>> read_reply(Connection& connection) {
  const auto head = co_await read_line(connection, "\r\n\r\n");
  if (!head || head->size() < 12) co_return std::nullopt;
  WireReply reply;
  reply.status = std::atoi(head->c_str() + 9);  // behind "HTTP/1.1 "
  WireHeaders headers;
  const std::size_t first_line = head->find("\r\n");
  if (first_line != std::string::npos && !parse_header_lines(std::string_view(*head).substr(first_line + 2), headers)) {
    co_return std::nullopt;
  }
  bool whole = true;
  if (find_header(headers, "transfer-encoding")) {
    whole = co_await read_chunks(connection, reply.body);
  } else {
    const std::string length(find_header(headers, "content-length").value_or("0"));
    whole = co_await read_bytes(connection, std::strtoull(length.c_str(), nullptr, 10), reply.body);
  }
  if (!whole) co_return std::nullopt;
  for (auto& header : headers) {
    const std::string& name = header.first;
    if (name == "content-length" || name == "transfer-encoding" || name == "connection" || name == "keep-alive")
      continue;
    reply.headers.push_back(std::move(header));
  }
  co_return reply;
}

}  // namespace

struct Upstream::Impl {
  std::string host;
  std::uint16_t port = 0;
  std::vector<std::unique_ptr<Connection>> idle{};

  async::Task<std::unique_ptr<Connection>> connect() {
    error_code error;
    tcp::socket socket(co_await asio::this_coro::executor);
    const auto address = asio::ip::make_address(host, error);
    if (!error) co_await socket.async_connect(tcp::endpoint(address, port), into(error));
    if (error) co_return nullptr;
    socket.set_option(tcp::no_delay(true), error);
    co_return std::make_unique<Connection>(std::move(socket));
  }

  async::Task<std::optional<WireReply>> exchange(Connection& connection, const std::string& bytes) {
    error_code error;
    co_await asio::async_write(connection.socket, asio::buffer(bytes), into(error));
    if (error) co_return std::nullopt;
    co_return co_await read_reply(connection);
  }
};

Upstream::Upstream(std::string host, std::uint16_t port)
    : impl_(std::make_unique<Impl>(Impl{.host = std::move(host), .port = port})) {}
Upstream::~Upstream() = default;

async::Task<std::optional<WireReply>> Upstream::forward(const WireRequest& request) {
  const std::string bytes = bytes_of(request);
  std::optional<WireReply> reply;
  if (!impl_->idle.empty()) {
    auto kept = std::move(impl_->idle.back());
    impl_->idle.pop_back();
    reply = co_await impl_->exchange(*kept, bytes);
    if (reply) {
      impl_->idle.push_back(std::move(kept));
      co_return reply;
    }
  }
  auto fresh = co_await impl_->connect();
  if (!fresh) co_return std::nullopt;
  reply = co_await impl_->exchange(*fresh, bytes);
  if (reply) impl_->idle.push_back(std::move(fresh));
  co_return reply;
}

}  // namespace dynamirror::support
