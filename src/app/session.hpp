// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/command_line.hpp"
#include "app/outcome.hpp"
#include "base/random.hpp"
#include "http/beast_transport.hpp"
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
  /// ends. Before the command's work has begun it ends at once: there is nothing to end well. An exception out of a
  /// command is a bug, and ends the process at once (std::terminate): while it is on its way, others wait on what it
  /// destroys.
  using Command = std::function<async::Task<jobs::ExitCode>()>;
  [[nodiscard]] jobs::ExitCode run(const Command& command) noexcept;

  /// What a stop in the midst of the work leaves behind.
  enum class Work {
    kCheckpointed,  ///< what was read is written and checkpointed
    kToBeRepeated,  ///< the next run does all of it again
  };
  /// A command whose work has begun is given time to end it. To be said before anything is written.
  void work_begins(Work work) { work_ = work; }

  /// The exit code of a stop before the work has begun; otherwise it is kStoppedEarly.
  void may_end_before_work(jobs::ExitCode with) { code_before_work_ = with; }

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

  [[nodiscard]] http::Transport& transport() { return *transport_; }
  [[nodiscard]] boost::asio::any_io_executor executor() { return loop_.get_executor(); }
  [[nodiscard]] jobs::StopRequest& stop() { return stop_; }
  [[nodiscard]] Random& random() { return random_; }

 private:
  explicit Session(const CommonOptions& options) : options_(options), random_(random_seed()) {}
  [[nodiscard]] async::Task<jobs::ExitCode> run_beside_signals(const Command& command);
  [[nodiscard]] async::Task<> watch_signals();
  [[nodiscard]] async::Task<> end_in_time();
  [[noreturn]] void end_before_work() const;
  [[noreturn]] void end_now(std::string_view why) const;

  CommonOptions options_;
  boost::asio::io_context loop_{1};  // one thread: nothing in here needs a lock
  Random random_;
  std::unique_ptr<http::BeastTransport> transport_;
  jobs::StopRequest stop_;
  std::optional<Work> work_;
  jobs::ExitCode code_before_work_ = jobs::ExitCode::kStoppedEarly;
};

/// Opens a session and runs a command in it, to its end. Settings that no session can be opened with are said, and are
/// exit code kUsage.
[[nodiscard]] jobs::ExitCode run_in_session(const CommonOptions& options,
                                            const std::function<async::Task<jobs::ExitCode>(Session&)>& command);

}  // namespace dynamirror::app
