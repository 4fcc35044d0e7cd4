// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/impl/metadata_request.hpp"

#include <utility>

#include "async/retry.hpp"
#include "aws/errors.hpp"

namespace dynamirror::aws {
namespace {

using std::chrono::milliseconds;

constexpr http::SendOptions kSendOptions{
    .connect_timeout = milliseconds(1'000), .request_timeout = milliseconds(1'000), .max_response_bytes = 64u << 10};

}  // namespace

async::Task<Result<std::string>> metadata_request(SourceContext context, http::Request request, std::string doing,
                                                  std::string resource) {
  const async::RetryPolicy policy{.max_attempts = 3,
                                  .backoff = {.base = milliseconds(100), .cap = milliseconds(1'000)},
                                  .give_up_after = milliseconds(10'000)};
  async::Retry retry(policy, context.clock, context.random);
  for (;;) {  // bounded by the policy
    auto response = co_await context.transport.send(request, kSendOptions);
    if (response && response->status == 200) co_return std::move(response->body);
    Error error;
    if (response) {
      classify(error, class_of_code("", response->status));
      error.code = "HTTP" + std::to_string(response->status);
      error.message = "the service refused";
      error.http_status = response->status;
    } else {
      error = std::move(response.error());
    }
    error.doing = doing;
    error.resource = resource;
    const bool again = co_await retry.again(error);
    if (!again) co_return std::unexpected(std::move(error));
  }
}

}  // namespace dynamirror::aws
