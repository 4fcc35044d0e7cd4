// SPDX-License-Identifier: Apache-2.0
#include "support/canned_server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

#include "support/canned_connection.hpp"

namespace dynamirror::support {
namespace {

void require(bool fine, const char* what) {
  if (!fine) throw std::system_error(errno, std::generic_category(), what);
}

/// A listening socket on the loopback; several may share a port, one for each thread.
int listen_on(std::uint16_t port) {
  const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  require(socket_fd >= 0, "socket");
  const int on = 1;
  setsockopt(socket_fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(bind(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
  require(listen(socket_fd, 1024) == 0, "listen");
  return socket_fd;
}

std::uint16_t port_of(int socket_fd) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  require(getsockname(socket_fd, reinterpret_cast<sockaddr*>(&address), &length) == 0, "getsockname");
  return ntohs(address.sin_port);
}

void watch(int epoll_fd, int fd, std::uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(epoll_fd, operation, fd, &event);
}

double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

/// One thread with its own listening socket and connections.
class Worker {
 public:
  Worker(std::uint16_t port, const CannedAnswers& answers, CannedCounts& counts)
      : answers_(answers),
        counts_(counts),
        listen_fd_(listen_on(port)),
        epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
        stop_fd_(eventfd(0, EFD_CLOEXEC)),
        port_(port_of(listen_fd_)) {
    require(epoll_fd_ >= 0 && stop_fd_ >= 0, "epoll");
    watch(epoll_fd_, listen_fd_, EPOLLIN, EPOLL_CTL_ADD);
    watch(epoll_fd_, stop_fd_, EPOLLIN, EPOLL_CTL_ADD);
    thread_ = std::thread([this] { run(); });
  }

  ~Worker() {
    const std::uint64_t one = 1;
    require(write(stop_fd_, &one, sizeof one) == sizeof one, "eventfd");
    thread_.join();
    connections_.clear();
    for (const int fd : {listen_fd_, epoll_fd_, stop_fd_}) close(fd);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] double cpu_seconds() const { return cpu_seconds_.load(std::memory_order_relaxed); }

 private:
  void run() {
    std::array<epoll_event, 64> events;
    for (;;) {
      const int ready = epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < ready; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == stop_fd_) return;
        if (fd == listen_fd_) {
          accept_all();
        } else {
          serve(fd, events[static_cast<std::size_t>(i)].events);
        }
      }
      cpu_seconds_.store(thread_cpu_seconds(), std::memory_order_relaxed);
    }
  }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections_.emplace(fd, std::make_unique<CannedConnection>(fd, answers_, counts_));
      watch(epoll_fd_, fd, EPOLLIN, EPOLL_CTL_ADD);
    }
  }

  void serve(int fd, std::uint32_t events) {
    CannedConnection& connection = *connections_.at(fd);
    const bool was_writing = connection.writing();
    const bool alive = (events & EPOLLOUT) != 0 ? connection.on_writable() : connection.on_readable();
    if (!alive) {
      connections_.erase(fd);
    } else if (connection.writing() != was_writing) {
      // While an answer waits for room, nothing more is read: the client is not reading either.
      watch(epoll_fd_, fd, connection.writing() ? EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
    }
  }

  const CannedAnswers& answers_;
  CannedCounts& counts_;
  int listen_fd_;
  int epoll_fd_;
  int stop_fd_;
  std::uint16_t port_;
  std::unordered_map<int, std::unique_ptr<CannedConnection>> connections_;
  std::atomic<double> cpu_seconds_{0};
  std::thread thread_;
};

}  // namespace

struct CannedServer::Impl {
  explicit Impl(const Options& options) : pages(options.pages), answers(pages, options.region) {
    std::uint16_t port = options.port;
    for (int i = 0; i < options.threads; ++i) {
      workers.push_back(std::make_unique<Worker>(port, answers, counts));
      port = workers.front()->port();
    }
  }

  CannedPages pages;
  CannedAnswers answers;
  CannedCounts counts;
  std::vector<std::unique_ptr<Worker>> workers;
};

CannedServer::CannedServer(Options options) : impl_(std::make_unique<Impl>(options)) {}
CannedServer::~CannedServer() = default;

std::uint16_t CannedServer::port() const { return impl_->workers.front()->port(); }
http::Endpoint CannedServer::endpoint() const { return {.tls = false, .host = "127.0.0.1", .port = port()}; }
const CannedPages& CannedServer::pages() const { return impl_->pages; }

CannedServer::Statistics CannedServer::statistics() const {
  Statistics statistics;
  statistics.get_records = impl_->counts.get_records;
  statistics.writes = impl_->counts.writes;
  statistics.written_items = impl_->counts.written_items;
  statistics.batch_gets = impl_->counts.batch_gets;
  statistics.read_keys = impl_->counts.read_keys;
  statistics.other = impl_->counts.other;
  statistics.bytes_received = impl_->counts.bytes_received;
  const std::int64_t begun = impl_->counts.first_read;
  const std::int64_t ended = impl_->counts.last_write;
  if (begun > 0 && ended > begun) statistics.seconds = static_cast<double>(ended - begun) / 1e9;
  for (const auto& worker : impl_->workers) statistics.cpu_seconds += worker->cpu_seconds();
  return statistics;
}

}  // namespace dynamirror::support
