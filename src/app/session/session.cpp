// SPDX-License-Identifier: Apache-2.0
#include "app/session/session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <cstdlib>
#include <exception>

#include "app/session/stop_signals.hpp"
#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "aws/credentials/profile_environment.hpp"
#include "aws/environment.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace dynamirror::app {
namespace {

constexpr std::chrono::milliseconds kStopTimeout{4'800};

void tell_outage(const http::Outage& outage) {
  const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(outage.lasted);
  if (outage.over) {
    log::warning(outage.who + " answers again", {{"server", outage.server}, {"after", format_duration(lasted)}});
    return;
  }
  log::warning(outage.who + " does not answer",
               {{"server", outage.server}, {"since", format_time(outage.since)}, {"error", outage.why}});
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const CommonOptions& options) {
  auto session = std::unique_ptr<Session>(new Session(options));
  auto transport = session->transport_for({});
  if (!transport) return std::unexpected(std::move(transport.error()));
  session->transport_ = *transport;
  return session;
}

Result<http::WatchedTransport*> Session::transport_for(const std::string& profile) {
  const auto settings = aws::ProfileEnvironment::of(environment_, profile);
  if (!settings) return std::unexpected(settings.error());
  const std::string ca_bundle = settings->variable("AWS_CA_BUNDLE").value_or("");
  auto& watched = watched_[ca_bundle];
  if (watched) return watched.get();
  http::TransportOptions options{.max_connections_per_endpoint = options_.max_connections,
                                 .ca_bundle = ca_bundle,
                                 .proxy = http::proxy_options_from_environment()};
  auto made = http::BeastTransport::make(executor(), std::move(options));
  if (!made) return std::unexpected(std::move(made.error()));
  const auto& transport = transports_.emplace_back(std::move(*made));
  watched = std::make_unique<http::WatchedTransport>(*transport, system_clock(), tell_outage);
  return watched.get();
}

ExitCode Session::run(const Command& command) noexcept {
  ExitCode exit_code = ExitCode::kInternal;
  boost::asio::co_spawn(loop_, run_beside_signals(command), [&](std::exception_ptr thrown, ExitCode ended_with) {
    if (thrown) std::rethrow_exception(thrown);
    exit_code = ended_with;
    loop_.stop();  // idle connections would keep it running
  });
  loop_.run();
  return exit_code;
}

async::Task<ExitCode> Session::run_beside_signals(const Command& command) {
  async::TaskGroup background(executor());
  background.spawn(watch_signals());
  background.spawn(end_in_time());
  background.spawn(watch_servers());
  const ExitCode exit_code = co_await command();
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
  std::_Exit(with_output_checked(sum_up_without_work(ExitCode::kStoppedEarly, options_.output)));
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

async::Task<> Session::watch_servers() {
  for (;;) {  // until cancelled
    co_await async::sleep_for(std::chrono::seconds(1));
    for (const auto& [authorities, watched] : watched_) watched->look();
  }
}

aws::Surroundings Session::surroundings() { return {*transport_, environment_, system_clock(), random_}; }

Result<aws::Surroundings> Session::surroundings(const aws::SideOptions& side) {
  const auto transport = transport_for(side.profile);
  if (!transport) return std::unexpected(transport.error());
  return aws::Surroundings{**transport, environment_, system_clock(), random_};
}

void Session::name_server(const http::Endpoint& endpoint, const std::string& who) {
  for (const auto& [authorities, watched] : watched_) watched->name(endpoint, who);
}

ExitCode run_in_session(const CommonOptions& options, const std::function<async::Task<ExitCode>(Session&)>& command) {
  const auto session = Session::open(options);
  if (!session) {
    complain(session.error());
    return ExitCode::kUsage;
  }
  return (*session)->run([&] { return command(**session); });
}
}  // namespace dynamirror::app
