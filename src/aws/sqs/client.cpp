// SPDX-License-Identifier: Apache-2.0
#include "aws/sqs/client.hpp"

#include "aws/endpoints/address_parts.hpp"
#include "aws/errors.hpp"
#include "json/writer.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::string_view kPrefix = "sqs:";
constexpr const char* kSubject = "subject";
constexpr int kMostMessages = 10;
constexpr int kHiddenSeconds = 300;
/// Long polling: a short poll asks some of the service's servers only, and may find none of a few messages.
constexpr int kWaitSeconds = 2;

Status read_attribute(QueueMessage& message, json::Value& attributes) {
  return attributes.for_each_member([&](std::string_view name, json::Value& attribute) -> Status {
    if (name != kSubject) return {};
    return attribute.for_each_member([&](std::string_view member, json::Value& value) -> Status {
      if (member != "StringValue") return {};
      const auto text = value.string();
      if (!text) return std::unexpected(text.error());
      message.subject = *text;
      return {};
    });
  });
}

Status read_message(QueueMessage& message, json::Value& value) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "MessageAttributes") return read_attribute(message, member);
    std::string* const into = name == "MessageId"       ? &message.id
                              : name == "ReceiptHandle" ? &message.receipt
                              : name == "Body"          ? &message.body
                                                        : nullptr;
    if (into == nullptr) return {};
    const auto text = member.string();
    if (!text) return std::unexpected(text.error());
    *into = *text;
    return {};
  });
}

Status read_messages(std::vector<QueueMessage>& messages, json::Value& list) {
  return list.for_each_element([&](json::Value& element) -> Status {
    QueueMessage& message = messages.emplace_back();
    if (auto read = read_message(message, element); !read) return read;
    if (!message.id.empty() && !message.receipt.empty()) return {};
    return failure(ErrorClass::kFatal, {}, {}, "a message lacks its id or its receipt");
  });
}

}  // namespace

bool is_queue_address(std::string_view text) {
  return text.starts_with(kPrefix) || text.starts_with("https://sqs.") || text.starts_with("https://sqs-fips.");
}

Result<QueueAddress> parse_queue_address(std::string_view text) {
  std::string_view url = text;
  if (url.starts_with(kPrefix)) url.remove_prefix(kPrefix.size());
  auto named = parse_named_at_endpoint(url, "queue");
  if (!named || named->name.find('/') == std::string::npos) {
    const std::string wrong = named ? "no account and name after the endpoint" : named.error();
    return failure(ErrorClass::kInvalid, "read queue", std::string(without_password(text)),
                   wrong +
                       "; write a queue as its URL, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, with sqs: before "
                       "it for another server");
  }
  if (named->name.ends_with(".fifo")) {
    return failure(ErrorClass::kInvalid, "read queue", std::string(text), "it is a FIFO queue; name a standard one");
  }
  return QueueAddress{.url = std::string(url), .endpoint = std::move(named->endpoint), .region = named->region};
}

async::Task<Status> SqsClient::send(std::string body, std::string subject) {
  ApiClient::Call call{.operation = "SendMessage", .resource = url_, .body = {}};
  json::Writer json(call.body);
  json.begin_object().name("QueueUrl").string(url_).name("MessageBody").string(body);
  json.name("MessageAttributes").begin_object().name(kSubject).begin_object();
  json.name("DataType").string("String").name("StringValue").string(subject);
  json.end_object().end_object().end_object();
  auto answer = co_await api_.call(std::move(call));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return Status{};
}

async::Task<Result<std::vector<QueueMessage>>> SqsClient::receive() {
  ApiClient::Call call{.operation = "ReceiveMessage", .resource = url_, .body = {}};
  json::Writer json(call.body);
  json.begin_object().name("QueueUrl").string(url_).name("MaxNumberOfMessages").integer(kMostMessages);
  json.name("VisibilityTimeout").integer(kHiddenSeconds).name("WaitTimeSeconds").integer(kWaitSeconds);
  json.name("MessageAttributeNames").begin_array().string(kSubject).end_array().end_object();
  auto answer = co_await api_.call(std::move(call));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  std::vector<QueueMessage> messages;
  auto read = reader_.read(answer->body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name != "Messages" || member.consume_null()) return {};
      return read_messages(messages, member);
    });
  });
  if (!read) {
    read.error().doing = "receive message";
    read.error().resource = url_;
    co_return unreadable_answer(std::move(read.error()));
  }
  co_return messages;
}

async::Task<Status> SqsClient::remove(std::string receipt) {
  ApiClient::Call call{.operation = "DeleteMessage", .resource = url_, .body = {}};
  json::Writer json(call.body);
  json.begin_object().name("QueueUrl").string(url_).name("ReceiptHandle").string(receipt).end_object();
  auto answer = co_await api_.call(std::move(call));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return Status{};
}

}  // namespace dynamirror::aws
