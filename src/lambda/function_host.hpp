// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "async/stop_request.hpp"
#include "async/task.hpp"
#include "base/random.hpp"
#include "http/beast_transport.hpp"
#include "lambda/handlers.hpp"
#include "service/host.hpp"

namespace dynamirror::lambda {

/// What a function runs in: a process that may be frozen whenever it waits for an event. So there is nothing here that
/// ticks, neither timers nor a watch over servers, and what only some events need is made when one comes.
class FunctionHost final : public service::Host {
 public:
  explicit FunctionHost(const aws::Environment& environment);

  /// What the options say about access. Before anything is opened in the host.
  void configure(const FunctionOptions& options);

  /// Runs a task to its end.
  void run(async::Task<> task);

  /// The transport of the runtime interface: apart from that of the services, and never through a proxy.
  /// Errors: none that depend on the environment.
  [[nodiscard]] Result<http::Transport*> runtime_transport();
  /// No connection of before is used again.
  void thawed();
  /// In every log line, while it is not empty.
  [[nodiscard]] std::string& request_id() { return request_id_; }

  // Host
  [[nodiscard]] boost::asio::any_io_executor executor() override { return executor_; }
  [[nodiscard]] jobs::StopRequest& stop() override { return stop_; }
  [[nodiscard]] Random& random() override { return random_; }
  [[nodiscard]] const Clock& clock() const override { return system_clock(); }
  [[nodiscard]] Result<aws::Surroundings> surroundings(const aws::SideOptions& side) override;

 private:
  /// The process's environment; for a target with keys of its own, with those in place of the function's.
  class SideEnvironment final : public aws::Environment {
   public:
    explicit SideEnvironment(const aws::Environment& base) : base_(base) {}
    [[nodiscard]] std::optional<std::string> variable(std::string_view name) const override;
    [[nodiscard]] Result<std::string> read_file(const std::string& path) const override {
      return base_.read_file(path);
    }
    [[nodiscard]] bool allows_plain_http() const override { return plain_http; }

    std::optional<TargetKeys> keys;
    bool plain_http = false;

   private:
    const aws::Environment& base_;
  };

  SideEnvironment environment_;
  SideEnvironment target_environment_;
  std::string request_id_;
  boost::asio::io_context loop_{1};  // one thread: nothing in here needs a lock
  boost::asio::any_io_executor executor_;
  Random random_;
  jobs::StopRequest stop_;
  std::unique_ptr<http::BeastTransport> runtime_;
  std::unique_ptr<http::BeastTransport> services_;
};

}  // namespace dynamirror::lambda
