// SPDX-License-Identifier: Apache-2.0
#include "app/session.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "aws/endpoints/table_address.hpp"
#include "aws/environment.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace dynamirror::app {
namespace {

constexpr std::chrono::milliseconds kStopTimeout{4'800};

/// Nothing is lost by this: what is not checkpointed is read again.
[[noreturn]] void end_now(std::string_view why) {
  log::warning("ending at once; what is not checkpointed is read again next time", {{"why", std::string(why)}});
  std::_Exit(static_cast<int>(jobs::ExitCode::kStoppedEarly));
}

void tell_outage(const http::Outage& outage) {
  const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(outage.lasted);
  if (outage.over) {
    log::warning(outage.who + " answers again", {{"server", outage.server}, {"after", format_duration(lasted)}});
    return;
  }
  log::warning(
      outage.who + " does not answer",
      {{"server", outage.server}, {"since", format_time(outage.since)}, {"error", outage.why}});
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const CommonOptions& options) {
  auto session = std::unique_ptr<Session>(new Session(options));
  http::TransportOptions transport{.max_connections_per_endpoint = options.max_connections,
                                   .proxy = http::proxy_options_from_environment()};
  transport.ca_bundle = aws::process_environment().variable("AWS_CA_BUNDLE").value_or("");
  auto made = http::BeastTransport::make(session->executor(), std::move(transport));
  if (!made) return std::unexpected(std::move(made.error()));
  session->transport_ = std::move(*made);
  session->watched_ = std::make_unique<http::WatchedTransport>(*session->transport_, system_clock(), tell_outage);
  return session;
}

jobs::ExitCode Session::run(const Command& command) {
  jobs::ExitCode exit_code = jobs::ExitCode::kInternal;
  std::exception_ptr failure;
  boost::asio::co_spawn(loop_, run_beside_signals(command), [&](std::exception_ptr thrown, jobs::ExitCode ended_with) {
    failure = thrown;
    exit_code = ended_with;
    loop_.stop();  // idle connections would keep it running
  });
  loop_.run();
  if (failure) std::rethrow_exception(failure);
  return exit_code;
}

async::Task<jobs::ExitCode> Session::run_beside_signals(const Command& command) {
  async::TaskGroup background(executor());
  background.spawn(watch_signals());
  background.spawn(end_in_time());
  background.spawn(watch_servers());
  const jobs::ExitCode exit_code = co_await command();
  background.cancel();
  co_await background.join();
  co_return exit_code;
}

async::Task<> Session::watch_signals() {
  boost::asio::signal_set signals(loop_, SIGTERM, SIGINT);
  co_await signals.async_wait(boost::asio::use_awaitable);
  log::info("stopping: reading ends, what was read is written and checkpointed");
  stop_.request();
  co_await signals.async_wait(boost::asio::use_awaitable);
  end_now("asked twice to stop");
}

/// Whatever hangs after a stop request, a supervisor gets its answer before it sends SIGKILL.
async::Task<> Session::end_in_time() {
  while (!stop_.requested()) co_await stop_.changed().wait();
  co_await async::sleep_for(kStopTimeout);
  end_now("stopping has taken too long");
}

async::Task<> Session::watch_servers() {
  for (;;) {  // until cancelled
    co_await async::sleep_for(std::chrono::seconds(1));
    watched_->look();
  }
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
  auto side = jobs::TableSide::open(std::move(address), options,
                                    {*watched_, aws::process_environment(), system_clock(), random_});
  if (!side) return side;
  const std::string who = (options.side.empty() ? "" : options.side + " ") + (*side)->display();
  watched_->name((*side)->endpoint(), who);
  watched_->name((*side)->streams_api().options().endpoint, who);
  return side;
}

Result<std::unique_ptr<objects::ObjectStore>> Session::open_store(const objects::ObjectAddress& address,
                                                                  objects::StoreOptions options) {
  options.allow_insecure = options_.allow_insecure;
  return objects::open_object_store(address, std::move(options),
                                    {*watched_, aws::process_environment(), system_clock(), random_});
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

void complain(const Error& error) { fmt::print(stderr, "dynamirror: {}\n", to_line(error)); }

}  // namespace dynamirror::app
