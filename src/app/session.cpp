// SPDX-License-Identifier: Apache-2.0
#include "app/session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <cstdlib>
#include <exception>

#include "app/stop_signals.hpp"
#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "aws/endpoints/table_address.hpp"
#include "aws/environment.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"

namespace dynamirror::app {
namespace {

constexpr std::chrono::milliseconds kStopTimeout{4'800};

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const CommonOptions& options) {
  auto session = std::unique_ptr<Session>(new Session(options));
  http::TransportOptions transport{.max_connections_per_endpoint = options.max_connections,
                                   .proxy = http::proxy_options_from_environment()};
  transport.ca_bundle = aws::process_environment().variable("AWS_CA_BUNDLE").value_or("");
  auto made = http::BeastTransport::make(session->executor(), std::move(transport));
  if (!made) return std::unexpected(std::move(made.error()));
  session->transport_ = std::move(*made);
  return session;
}

jobs::ExitCode Session::run(const Command& command) noexcept {
  jobs::ExitCode exit_code = jobs::ExitCode::kInternal;
  boost::asio::co_spawn(loop_, run_beside_signals(command), [&](std::exception_ptr thrown, jobs::ExitCode ended_with) {
    if (thrown) std::rethrow_exception(thrown);
    exit_code = ended_with;
    loop_.stop();  // idle connections would keep it running
  });
  loop_.run();
  return exit_code;
}

async::Task<jobs::ExitCode> Session::run_beside_signals(const Command& command) {
  async::TaskGroup background(executor());
  background.spawn(watch_signals());
  background.spawn(end_in_time());
  const jobs::ExitCode exit_code = co_await command();
  background.cancel();
  co_await background.join();
  co_return exit_code;
}

void Session::end_before_work() const {
  log::info("stopped before anything was begun");
  std::_Exit(with_output_checked(sum_up_without_work(code_before_work_, options_.output)));
}

/// Nothing is lost by this: what is not checkpointed is read again.
void Session::end_now(std::string_view why) const {
  const bool checkpointed = work_ == Work::kCheckpointed;
  log::warning(checkpointed ? "ending at once; what is not checkpointed is read again next time" : "ending at once",
               {{"why", std::string(why)}});
  std::_Exit(with_output_checked(sum_up_without_work(jobs::ExitCode::kStoppedEarly, options_.output)));
}

async::Task<> Session::watch_signals() {
  StopSignals signals(executor());
  co_await signals.next();
  if (!work_) end_before_work();
  log::info(work_ == Work::kCheckpointed ? "stopping: reading ends, what was read is written and checkpointed"
                                         : "stopping: the next run does all of this again");
  stop_.request();
  co_await signals.next();
  end_now("asked twice to stop");
}

/// Whatever hangs after a stop request, a supervisor gets its answer before it sends SIGKILL.
async::Task<> Session::end_in_time() {
  while (!stop_.requested()) co_await stop_.changed().wait();
  co_await async::sleep_for(kStopTimeout);
  end_now("stopping has taken too long");
}

Result<aws::TableAddress> Session::address_of(const std::string& table) const {
  return aws::parse_table_address(table, {.allow_insecure = options_.allow_insecure});
}

Result<std::unique_ptr<jobs::TableSide>> Session::open_side(const std::string& table, const aws::SideOptions& options) {
  auto address = address_of(table);
  if (!address) return std::unexpected(std::move(address.error()));
  return open_side(std::move(*address), options);
}

Result<std::unique_ptr<jobs::TableSide>> Session::open_side(aws::TableAddress address,
                                                            const aws::SideOptions& options) {
  return jobs::TableSide::open(std::move(address), options,
                               {*transport_, aws::process_environment(), system_clock(), random_});
}

Result<std::unique_ptr<objects::ObjectStore>> Session::open_store(const objects::ObjectAddress& address,
                                                                  objects::StoreOptions options) {
  options.allow_insecure = options_.allow_insecure;
  return objects::open_object_store(address, std::move(options),
                                    {*transport_, aws::process_environment(), system_clock(), random_});
}

jobs::ExitCode run_in_session(const CommonOptions& options,
                              const std::function<async::Task<jobs::ExitCode>(Session&)>& command) {
  const auto session = Session::open(options);
  if (!session) {
    complain(session.error());
    return jobs::ExitCode::kUsage;
  }
  return (*session)->run([&] { return command(**session); });
}
}  // namespace dynamirror::app
