// SPDX-License-Identifier: Apache-2.0
#include "lambda/function_host.hpp"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "async/scoped_executor.hpp"

namespace dynamirror::lambda {

std::optional<std::string> FunctionHost::SideEnvironment::variable(std::string_view name) const {
  if (!keys) return base_.variable(name);
  if (name == "AWS_ACCESS_KEY_ID") return keys->id;
  if (name == "AWS_SECRET_ACCESS_KEY") return keys->secret.reveal();
  // That of other keys.
  if (name == "AWS_SESSION_TOKEN" || name == "AWS_SECURITY_TOKEN") return std::nullopt;
  return base_.variable(name);
}

FunctionHost::FunctionHost(const aws::Environment& environment)
    : environment_(environment),
      target_environment_(environment),
      executor_(async::scoped(loop_.get_executor(), &request_id_)),
      random_(random_seed()) {}

void FunctionHost::configure(const FunctionOptions& options) {
  environment_.plain_http = options.allow_insecure;
  target_environment_.plain_http = options.allow_insecure;
  target_environment_.keys = options.target_keys;
}

void FunctionHost::run(async::Task<> task) {
  boost::asio::co_spawn(executor_, std::move(task), [&](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
    loop_.stop();  // whatever else waits
  });
  loop_.run();
}

Result<http::Transport*> FunctionHost::runtime_transport() {
  if (!runtime_) {
    auto made = http::BeastTransport::make(executor_, {});
    if (!made) return std::unexpected(std::move(made.error()));
    runtime_ = std::move(*made);
  }
  return runtime_.get();
}

void FunctionHost::thawed() {
  if (services_) services_->close_idle();
}

Result<aws::Surroundings> FunctionHost::surroundings(const aws::SideOptions& side) {
  if (!services_) {
    http::TransportOptions options{.ca_bundle = environment_.variable("AWS_CA_BUNDLE").value_or(""),
                                   .proxy = http::proxy_options_from_environment()};
    auto made = http::BeastTransport::make(executor_, std::move(options));
    if (!made) return std::unexpected(std::move(made.error()));
    services_ = std::move(*made);
  }
  const SideEnvironment& environment = side.side == "target" ? target_environment_ : environment_;
  return aws::Surroundings{*services_, environment, system_clock(), random_};
}

}  // namespace dynamirror::lambda
