// SPDX-License-Identifier: Apache-2.0
#include "app/cli/lambda_command.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/options/outcome.hpp"
#include "app/options/suggestion.hpp"
#include "app/session/stop_signals.hpp"
#include "async/run_beside.hpp"
#include "base/clock.hpp"
#include "base/console.hpp"
#include "base/log.hpp"
#include "lambda/function.hpp"
#include "lambda/function_host.hpp"
#include "lambda/serve.hpp"

namespace dynamirror::app {
namespace {

/// Lambda says so before it takes the process away. What is not answered then is sent again.
async::Task<> end_when_asked(lambda::FunctionHost& host) {
  StopSignals signals(host.executor());
  co_await signals.next();
  log::info("ending");
  std::_Exit(with_output_checked(static_cast<int>(ExitCode::kOk)));
}

/// A misspelt variable of ours would leave what it is meant for at its default, and nobody would notice.
Status check_names_of_variables() {
  constexpr std::string_view kOurs = "DYNAMIRROR_";
  const std::vector<std::string> known = lambda::known_variables();
  std::string unknown;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const std::string name(text.substr(0, text.find('=')));
    if (!name.starts_with(kOurs) || std::ranges::find(known, name) != known.end()) continue;
    const std::string meant = suggestion(name, known);  // "; did you mean …?"
    unknown.append(unknown.empty() ? "" : ", ").append(name);
    if (!meant.empty()) unknown.append(" (").append(meant.substr(2)).append(")");
  }
  if (unknown.empty()) return {};
  return failure(ErrorClass::kInvalid, "read variables", {}, "no handler knows " + unknown);
}

Result<std::unique_ptr<lambda::Function>> open_function(const LambdaCommand& command, lambda::FunctionHost& host) {
  const aws::Environment& environment = aws::process_environment();
  const std::string handler = command.handler.empty() ? environment.variable("_HANDLER").value_or("") : command.handler;
  if (auto fine = check_names_of_variables(); !fine) return std::unexpected(std::move(fine.error()));
  auto options = lambda::function_options(handler, environment);
  if (!options) return std::unexpected(std::move(options.error()));
  log::configure(options->log_level, log::Format::kJson);
  host.configure(*options);
  return lambda::Function::open(std::move(*options), host);
}

async::Task<ExitCode> serve(const LambdaCommand& command, lambda::FunctionHost& host) {
  const aws::Environment& environment = aws::process_environment();
  const auto address = lambda::parse_runtime_address(environment.variable("AWS_LAMBDA_RUNTIME_API").value_or(""));
  if (!address) co_return fail(address.error());
  const auto transport = host.runtime_transport();
  if (!transport) co_return fail(transport.error());
  lambda::RuntimeInterface runtime(**transport, *address);
  auto function = open_function(command, host);
  if (!function) {
    auto told = lambda::function_error(function.error());
    const auto sent = co_await runtime.fail_start(std::move(told));
    if (!sent) complain(sent.error());
    (void)fail(function.error());
    co_return ExitCode::kUsage;
  }
  lambda::ServeParts parts{.runtime = runtime,
                           .function = **function,
                           .clock = host.clock(),
                           .request_id = host.request_id(),
                           .thawed = [&host] { host.thawed(); },
                           .print_line = [](const std::string& line) { console::print(line + "\n"); },
                           .function_name = environment.variable("AWS_LAMBDA_FUNCTION_NAME").value_or("dynamirror")};
  auto serving = lambda::serve(std::move(parts));
  const auto ended = co_await async::run_beside(end_when_asked(host), std::move(serving));
  co_return ended ? ExitCode::kOk : fail(ended.error());
}

async::Task<> serve_into(const LambdaCommand& command, lambda::FunctionHost& host, ExitCode& exit_code) {
  exit_code = co_await serve(command, host);
}

}  // namespace

ExitCode run_lambda(const LambdaCommand& command) {
  ExitCode exit_code = ExitCode::kInternal;
  lambda::FunctionHost host(aws::process_environment());
  host.run(serve_into(command, host, exit_code));
  return exit_code;
}

}  // namespace dynamirror::app
