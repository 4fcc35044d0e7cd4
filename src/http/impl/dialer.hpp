// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "http/impl/connection_pool.hpp"
#include "http/impl/deadline_watch.hpp"
#include "http/impl/resolver.hpp"
#include "http/proxy.hpp"
#include "http/transport.hpp"

namespace dynamirror::http::impl {

/// Opens connections: name, TCP, proxy, TLS. Not thread-safe; outlives its tasks.
class Dialer {
 public:
  /// `tls` may be null: made with the system's store once it is needed, because loading that takes 0.1 s.
  Dialer(boost::asio::any_io_executor executor, std::unique_ptr<boost::asio::ssl::context> tls, DeadlineWatch& watch)
      : executor_(executor), tls_(std::move(tls)), watch_(watch), resolver_(executor) {}

  /// `proxy` may be null; all references are used until the task ends. Errors: as Transport says.
  [[nodiscard]] async::Task<Result<std::unique_ptr<Connection>>> dial(const Endpoint& endpoint, const Proxy* proxy,
                                                                      TlsSession& session, SteadyTime deadline);

 private:
  [[nodiscard]] async::Task<Status> connect(Connection& connection, const Endpoint& peer, SteadyTime deadline);
  [[nodiscard]] async::Task<Status> ask_proxy(Connection& connection, const Endpoint& endpoint, const Proxy& proxy,
                                              SteadyTime deadline);
  [[nodiscard]] async::Task<Status> handshake(Connection& connection, const Endpoint& endpoint, TlsSession& session,
                                              SteadyTime deadline);

  boost::asio::any_io_executor executor_;
  std::unique_ptr<boost::asio::ssl::context> tls_;
  DeadlineWatch& watch_;
  Resolver resolver_;
};

}  // namespace dynamirror::http::impl
