// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/task.hpp"
#include "aws/api_client.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "http/transport.hpp"
#include "json/reader.hpp"

namespace dynamirror::aws {

/// A queue, named by its URL.
struct QueueAddress {
  std::string url;  ///< https://sqs.eu-west-1.amazonaws.com/123456789012/name
  http::Endpoint endpoint;
  Region region;  ///< "local" where the host names none
};

/// Whether a text is meant as a queue: the URL of one at AWS, or any URL behind `sqs:`.
[[nodiscard]] bool is_queue_address(std::string_view text);

/// Errors: class invalid, saying what is wrong and how a queue is written.
[[nodiscard]] Result<QueueAddress> parse_queue_address(std::string_view text);

struct QueueMessage {
  std::string id;
  std::string receipt;  ///< of this time that it was received: to delete it
  std::string body;
  std::string subject;  ///< what `send` was given; empty for another's message
};

/// The calls of SQS that we use, on one queue. Errors are those of ApiClient; class fatal for an answer that is not
/// what the service documents. Not thread-safe: lives on one event loop; calls may overlap. Source: Amazon SQS API
/// reference, AWS JSON protocol.
class SqsClient {
 public:
  static constexpr const char* kTargetPrefix = "AmazonSQS";
  /// Body and attributes of a message. A queue may be set to take less (once 256 KiB was the most).
  static constexpr std::size_t kMaxMessageBytes = 1'048'576;

  /// REQUIRES: api (service "sqs", target prefix `kTargetPrefix`) outlives the client.
  SqsClient(ApiClient& api, std::string queue_url) : api_(api), url_(std::move(queue_url)) {}

  [[nodiscard]] const std::string& queue_url() const { return url_; }

  /// A message may come twice when an answer was lost. `subject` is kept in an attribute.
  [[nodiscard]] async::Task<Status> send(std::string body, std::string subject);
  /// Ten messages at most, and none only when there are none to be seen now. They are hidden from others for five
  /// minutes.
  [[nodiscard]] async::Task<Result<std::vector<QueueMessage>>> receive();
  [[nodiscard]] async::Task<Status> remove(std::string receipt);

 private:
  ApiClient& api_;
  std::string url_;
  json::Reader reader_;  ///< answers are read without suspension, so one serves all calls
};

}  // namespace dynamirror::aws
