// SPDX-License-Identifier: Apache-2.0
#include "support/fault_replies.hpp"

#include "support/digest.hpp"
#include "support/wire_format.hpp"

namespace dynamirror::support {

std::optional<ServiceError> error_of(FaultKind kind) {
  const auto error = [](int status, std::string type, std::string message) {
    return ServiceError{.status = status, .type = std::move(type), .message = std::move(message)};
  };
  switch (kind) {
    case FaultKind::kInternalError:
      return error(500, "InternalServerError", "Internal server error");
    case FaultKind::kProvisionedThroughput:
      return error(400, "ProvisionedThroughputExceededException",
                   "The level of configured provisioned throughput for the table was exceeded.");
    case FaultKind::kThrottling:
      return error(400, "ThrottlingException", "Rate exceeded");
    case FaultKind::kLimitExceeded:
      return error(400, "LimitExceededException", "Too many operations for a given subscriber");
    case FaultKind::kExpiredToken:
      return error(400, "ExpiredTokenException", "The security token included in the request is expired");
    case FaultKind::kExpiredIterator:
      return error(400, "ExpiredIteratorException", "The provided iterator exceeds the maximum age allowed.");
    case FaultKind::kAccessDenied:
      return error(400, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/test is not authorized");
    default:
      return std::nullopt;
  }
}

WireReply json_reply(int status, std::string body, std::uint64_t number, WallTime now) {
  WireReply reply;
  reply.status = status;
  reply.headers = {{"content-type", "application/x-amz-json-1.0"},
                   {"x-amzn-requestid", hex(sha256(std::to_string(number))).substr(0, 52)},
                   {"x-amz-crc32", std::to_string(crc32(body))},
                   {"date", http_date(now)}};
  reply.body = std::move(body);
  return reply;
}

WireReply unavailable_html() {
  WireReply reply;
  reply.status = 503;
  reply.headers = {{"content-type", "text/html"}};
  reply.body = "<html><body><h1>503 Service Unavailable</h1></body></html>";
  return reply;
}

bool prevents(FaultKind kind) {
  return error_of(kind) || kind == FaultKind::kUnavailableHtml || kind == FaultKind::kCloseBefore ||
         kind == FaultKind::kFreeze;
}

void spoil(WireReply& reply, FaultKind kind) {
  switch (kind) {
    case FaultKind::kCloseBefore:
    case FaultKind::kCloseAfter:
      reply.delivery = Delivery::kClose;
      return;
    case FaultKind::kHalfAnswer:
      reply.delivery = Delivery::kHalf;
      return;
    case FaultKind::kFreeze:
      reply.delivery = Delivery::kNever;
      return;
    case FaultKind::kSlow:
      reply.delay += FaultPlan::kSlowAnswer;
      return;
    case FaultKind::kWrongCrc:
      std::erase_if(reply.headers, [](const auto& header) { return header.first == "x-amz-crc32"; });
      reply.headers.emplace_back("x-amz-crc32", std::to_string(crc32(reply.body) ^ 1u));
      return;
    default:
      return;
  }
}

}  // namespace dynamirror::support
