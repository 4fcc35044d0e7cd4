// SPDX-License-Identifier: Apache-2.0
#include "aws/api_client.hpp"

#include <charconv>
#include <utility>

#include "aws/errors.hpp"
#include "aws/impl/crc32.hpp"
#include "json/reader.hpp"

namespace dynamirror::aws {
namespace {

std::string request_id_of(const http::Response& response) {
  return std::string(response.header("x-amzn-requestid").value_or(""));
}

bool is_damaged(const http::Response& response) {
  const auto expected = response.header("x-amz-crc32");
  if (!expected) return false;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(expected->data(), expected->data() + expected->size(), value);
  const bool readable = error == std::errc{} && end == expected->data() + expected->size();
  return !readable || value != crc32(response.body);
}

/// What these services answer is a JSON object, or nothing where there is nothing to say.
bool may_be_answer(std::string_view body) {
  const auto first = body.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos || body[first] == '{';
}

Status accept(const http::Response& response, const ApiClient::Call& call) {
  const bool refusal = response.status >= 400;
  if (!refusal && (response.status != 200 || !may_be_answer(response.body))) {
    return std::unexpected(classify_foreign(response, words_of(call.operation), std::string(call.resource)));
  }
  if (refusal) {
    return std::unexpected(classify_error(response, words_of(call.operation), std::string(call.resource)));
  }
  if (!is_damaged(response)) return {};
  return std::unexpected(Error{.error_class = ErrorClass::kTransient,
                               .doing = words_of(call.operation),
                               .resource = std::string(call.resource),
                               .code = "Crc32Mismatch",
                               .message = "the answer was damaged on its way",
                               .request_id = request_id_of(response),
                               .http_status = response.status});
}

}  // namespace

struct ApiClient::Impl {
  Impl(Options given, http::Transport& transport, CredentialsProvider& credentials, const Clock& clock, Random& random)
      : options(std::move(given)),
        caller(SignedCaller::Options{.region = options.region, .service = options.service, .retry = options.retry},
               transport, credentials, clock, random) {}

  http::Request make_request(Call& call) const {
    http::Request request{.endpoint = options.endpoint};
    request.headers.reserve(6);
    request.headers.emplace_back("content-type", "application/x-amz-json-" + options.json_version);
    request.headers.emplace_back("x-amz-target", options.target_prefix + "." + std::string(call.operation));
    request.body = std::move(call.body);
    request.idempotent = call.idempotent;
    return request;
  }

  const Options options;
  SignedCaller caller;
};

ApiClient::ApiClient(Options options, http::Transport& transport, CredentialsProvider& credentials, const Clock& clock,
                     Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), transport, credentials, clock, random)) {}

ApiClient::~ApiClient() = default;

async::Task<Result<ApiAnswer>> ApiClient::call(Call call) {
  Impl& impl = *impl_;
  http::Request request = impl.make_request(call);
  const auto judge = [&call](http::Response& response) { return accept(response, call); };
  http::SendOptions send = impl.options.send;
  send.not_after = call.not_after;
  const SignedCaller::Call signed_call{.operation = call.operation,
                                       .resource = call.resource,
                                       .request = request,
                                       .accept = judge,
                                       .send = send,
                                       .return_throttling = call.return_throttling,
                                       .max_attempts = call.max_attempts};
  auto response = co_await impl.caller.call(signed_call);
  if (!response) co_return std::unexpected(std::move(response.error()));
  ApiAnswer answer{.body = std::move(response->body), .request_id = request_id_of(*response)};
  // The transport leaves this room already; a stand-in may not.
  answer.body.reserve(answer.body.size() + json::Reader::kPadding);
  co_return answer;
}

const ApiClient::Options& ApiClient::options() const { return impl_->options; }
const ApiClient::Statistics& ApiClient::statistics() const { return impl_->caller.statistics(); }

}  // namespace dynamirror::aws
