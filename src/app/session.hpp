// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "app/command_line.hpp"
#include "base/random.hpp"
#include "http/beast_transport.hpp"
#include "http/watched_transport.hpp"
#include "jobs/exit_code.hpp"
#include "jobs/stop_request.hpp"
#include "jobs/table_side.hpp"
#include "objects/open_store.hpp"

namespace dynamirror::app {

/// What every command runs in: the event loop, the transport, and the wish to stop (SIGTERM, SIGINT).
/// The composition root: the one place where the parts that others take as interfaces are made.
class Session {
 public:
  /// Errors: class invalid for proxy or CA settings that cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const CommonOptions& options);

  /// Runs a command to its end. SIGTERM and SIGINT request a stop; five seconds later, or at a second one, the process
  /// ends.
  using Command = std::function<async::Task<jobs::ExitCode>()>;
  [[nodiscard]] jobs::ExitCode run(const Command& command);

  /// A table's address as the user wrote it. Errors: as aws::parse_table_address.
  [[nodiscard]] Result<aws::TableAddress> address_of(const std::string& table) const;

  /// One table as the user named it, with the identity to reach it.
  [[nodiscard]] Result<std::unique_ptr<jobs::TableSide>> open_side(const std::string& table,
                                                                   const aws::SideOptions& options);

  [[nodiscard]] Result<std::unique_ptr<jobs::TableSide>> open_side(aws::TableAddress address,
                                                                   const aws::SideOptions& options);

  /// Objects at an address, with the identity to reach them.
  [[nodiscard]] Result<std::unique_ptr<objects::ObjectStore>> open_store(const objects::ObjectAddress& address,
                                                                         objects::StoreOptions options);

  [[nodiscard]] http::Transport& transport() { return *watched_; }
  [[nodiscard]] boost::asio::any_io_executor executor() { return loop_.get_executor(); }
  [[nodiscard]] jobs::StopRequest& stop() { return stop_; }
  [[nodiscard]] Random& random() { return random_; }

 private:
  explicit Session(const CommonOptions& options) : options_(options), random_(random_seed()) {}
  [[nodiscard]] async::Task<jobs::ExitCode> run_beside_signals(const Command& command);
  [[nodiscard]] async::Task<> watch_signals();
  [[nodiscard]] async::Task<> end_in_time();
  [[nodiscard]] async::Task<> watch_servers();

  CommonOptions options_;
  std::unique_ptr<http::WatchedTransport> watched_;  // requests that end with the loop still count here
  boost::asio::io_context loop_{1};  // one thread: nothing in here needs a lock
  Random random_;
  std::unique_ptr<http::BeastTransport> transport_;
  jobs::StopRequest stop_;
};

/// Opens a session and runs a command in it, to its end. Settings that no session can be opened with are said, and are
/// exit code kUsage.
[[nodiscard]] jobs::ExitCode run_in_session(const CommonOptions& options,
                                            const std::function<async::Task<jobs::ExitCode>(Session&)>& command);

/// Says why a command failed: "dynamirror: <line>" on stderr.
void complain(const Error& error);

}  // namespace dynamirror::app
