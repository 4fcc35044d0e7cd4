// SPDX-License-Identifier: Apache-2.0
//
// What one request costs our HTTP client in CPU time, beside the floor: the same bytes through bare system calls.
// The server runs on a thread of its own; only the client's thread is measured.
//
//     http_bench [requests] [connections] [request bytes]
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "http/beast_transport.hpp"
#include "http/server.hpp"

namespace dynamirror::http {
namespace {

struct Load {
  std::size_t requests = 200'000;
  std::size_t connections = 32;
  std::size_t request_bytes = 15'000;
};

struct Cost {
  double cpu_us;   ///< per request, client thread
  double wall_us;  ///< per request
};

double thread_cpu_us() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double wall_us() {
  return std::chrono::duration<double, std::micro>(system_clock().steady_now().time_since_epoch()).count();
}

class Stopwatch {
 public:
  [[nodiscard]] Cost per(std::size_t requests) const {
    const auto count = static_cast<double>(requests);
    return {(thread_cpu_us() - cpu_us_) / count, (wall_us() - wall_us_) / count};
  }

 private:
  double cpu_us_ = thread_cpu_us();
  double wall_us_ = wall_us();
};

async::Task<ServerResponse> answer(ServerRequest) {
  ServerResponse response{.headers = {{"content-type", "application/x-amz-json-1.0"},
                                      {"x-amzn-requestid", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGHIJKLMNOP"},
                                      {"x-amz-crc32", "2745614147"}},
                          .body = std::string(R"({"UnprocessedItems":{}})")};
  co_return response;
}

/// The answering server on a thread of its own, from construction to destruction.
class ServerThread {
 public:
  ServerThread() {
    std::promise<std::uint16_t> port;
    thread_ = std::thread([this, &port] {
      auto server = Server::listen(loop_.get_executor(), {}, answer);
      if (!server) std::abort();
      port.set_value((*server)->port());
      loop_.run();
    });
    port_ = port.get_future().get();
  }
  ~ServerThread() {
    loop_.stop();
    thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  boost::asio::io_context loop_{1};
  std::uint16_t port_ = 0;
  std::thread thread_;
};

Request make_request(std::uint16_t port, std::size_t bytes) {
  return {.endpoint = {.tls = false, .host = "127.0.0.1", .port = port},
          .headers = {{"content-type", "application/x-amz-json-1.0"},
                      {"x-amz-target", "DynamoDB_20120810.BatchWriteItem"},
                      {"x-amz-date", "20260101T000000Z"},
                      {"authorization", std::string(180, 'a')}},
          .body = std::string(bytes, 'x')};
}

async::Task<> send_many(BeastTransport& transport, const Request& request, std::size_t& left) {
  while (left > 0) {
    --left;
    const auto response = co_await transport.send(request, {});
    if (!response || response->status != 200) std::abort();
  }
}

Cost measure_client(std::uint16_t port, const Load& load) {
  boost::asio::io_context loop{1};
  auto transport = BeastTransport::make(loop.get_executor(), {});
  const Request request = make_request(port, load.request_bytes);
  const auto round = [&](std::size_t requests) {
    for (std::size_t i = 0; i < load.connections; ++i) {
      boost::asio::co_spawn(loop, send_many(**transport, request, requests), boost::asio::detached);
    }
    loop.restart();
    loop.run();
  };
  round(load.requests / 10);
  const Stopwatch watch;
  round(load.requests);
  return watch.per(load.requests);
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) std::abort();
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

/// Blocking send on every connection, then blocking recv on every connection: no parsing, no event loop.
Cost measure_system_calls(std::uint16_t port, const Load& load) {
  std::vector<int> sockets;
  for (std::size_t i = 0; i < load.connections; ++i) sockets.push_back(connect_to(port));
  std::string bytes = fmt::format("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", load.request_bytes);
  bytes.append(load.request_bytes, 'x');
  std::vector<char> room(16u << 10);
  const Stopwatch watch;
  for (std::size_t sent = 0; sent < load.requests; sent += sockets.size()) {
    for (const int fd : sockets) {
      if (::send(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
    }
    for (const int fd : sockets) {
      if (::recv(fd, room.data(), room.size(), 0) <= 0) std::abort();
    }
  }
  const Cost cost = watch.per(load.requests);
  for (const int fd : sockets) ::close(fd);
  return cost;
}

void print(const char* what, const Cost& cost) {
  fmt::print("{:<14} {:6.2f} us CPU  {:6.2f} us wall per request\n", what, cost.cpu_us, cost.wall_us);
}

}  // namespace
}  // namespace dynamirror::http

int main(int argc, char** argv) {
  using namespace dynamirror::http;
  Load load;
  if (argc > 1) load.requests = std::strtoull(argv[1], nullptr, 10);
  if (argc > 2) load.connections = std::max(1ull, std::strtoull(argv[2], nullptr, 10));
  if (argc > 3) load.request_bytes = std::strtoull(argv[3], nullptr, 10);
  const ServerThread server;
  fmt::print("{} requests of {} bytes on {} connections\n", load.requests, load.request_bytes, load.connections);
  print("system calls", measure_system_calls(server.port(), load));
  print("client", measure_client(server.port(), load));
}
