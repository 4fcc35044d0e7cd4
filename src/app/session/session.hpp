// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/options/command_line.hpp"
#include "app/options/exit_code.hpp"
#include "app/options/outcome.hpp"
#include "async/stop_request.hpp"
#include "aws/environment.hpp"
#include "aws/surroundings.hpp"
#include "base/random.hpp"
#include "http/beast_transport.hpp"
#include "http/watched_transport.hpp"
#include "service/host.hpp"

namespace dynamirror::app {

/// What every command runs in: a process of its own, with its event loop, its transports, and the wish to stop
/// (SIGTERM, SIGINT).
class Session final : public service::Host {
 public:
  /// Errors: class invalid for proxy, CA or profile settings that cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const CommonOptions& options);

  /// Runs a command to its end. SIGTERM and SIGINT request a stop; five seconds later, or at a second one, the process
  /// ends. Before the command's work has begun it ends at once: there is nothing to end well. An exception out of a
  /// command is a bug, and ends the process at once (std::terminate): while it is on its way, others wait on what it
  /// destroys.
  using Command = std::function<async::Task<ExitCode>()>;
  [[nodiscard]] ExitCode run(const Command& command) noexcept;

  /// What a stop in the midst of the work leaves behind.
  enum class Work {
    kCheckpointed,  ///< what was read is written and checkpointed
    kToBeRepeated,  ///< the next run does all of it again
  };
  /// A command whose work has begun is given time to end it. To be said before anything is written.
  void work_begins(Work work) { work_ = work; }

  /// The exit code of a stop before the work has begun; otherwise it is kStoppedEarly.
  void may_end_before_work(ExitCode with) { code_before_work_ = with; }

  // Host
  [[nodiscard]] boost::asio::any_io_executor executor() override { return loop_.get_executor(); }
  [[nodiscard]] jobs::StopRequest& stop() override { return stop_; }
  [[nodiscard]] Random& random() override { return random_; }
  [[nodiscard]] const Clock& clock() const override { return system_clock(); }
  [[nodiscard]] Result<aws::Surroundings> surroundings(const aws::SideOptions& side) override;
  void name_server(const http::Endpoint& endpoint, const std::string& who) override;

  /// Of nobody in particular.
  [[nodiscard]] aws::Surroundings surroundings();
  /// The process's, with what the command line says about it.
  [[nodiscard]] const aws::Environment& environment() const { return environment_; }

 private:
  /// The process's environment, in which plain http beyond this machine is allowed or not.
  class SessionEnvironment final : public aws::Environment {
   public:
    explicit SessionEnvironment(bool plain_http) : plain_http_(plain_http) {}
    [[nodiscard]] std::optional<std::string> variable(std::string_view name) const override {
      return aws::process_environment().variable(name);
    }
    [[nodiscard]] Result<std::string> read_file(const std::string& path) const override {
      return aws::process_environment().read_file(path);
    }
    [[nodiscard]] bool allows_plain_http() const override { return plain_http_; }

   private:
    bool plain_http_;
  };

  explicit Session(const CommonOptions& options)
      : options_(options), environment_(options.allow_insecure), random_(random_seed()) {}
  /// The transport that trusts the authorities named in the environment or by a profile; made when first asked for.
  [[nodiscard]] Result<http::WatchedTransport*> transport_for(const std::string& profile);
  [[nodiscard]] async::Task<ExitCode> run_beside_signals(const Command& command);
  [[nodiscard]] async::Task<> watch_signals();
  [[nodiscard]] async::Task<> end_in_time();
  [[nodiscard]] async::Task<> watch_servers();
  [[noreturn]] void end_before_work() const;
  [[noreturn]] void end_now(std::string_view why) const;

  CommonOptions options_;
  SessionEnvironment environment_;
  /// By the authorities that they trust. Requests that end with the loop still count here.
  std::map<std::string, std::unique_ptr<http::WatchedTransport>> watched_;
  boost::asio::io_context loop_{1};  // one thread: nothing in here needs a lock
  Random random_;
  std::vector<std::unique_ptr<http::BeastTransport>> transports_;
  http::Transport* transport_ = nullptr;  // of the default profile
  jobs::StopRequest stop_;
  std::optional<Work> work_;
  ExitCode code_before_work_ = ExitCode::kStoppedEarly;
};

/// Opens a session and runs a command in it, to its end. Settings that no session can be opened with are said, and are
/// exit code kUsage.
[[nodiscard]] ExitCode run_in_session(const CommonOptions& options,
                                      const std::function<async::Task<ExitCode>(Session&)>& command);

}  // namespace dynamirror::app
