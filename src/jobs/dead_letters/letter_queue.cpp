// SPDX-License-Identifier: Apache-2.0
#include "jobs/dead_letters/letter_queue.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "aws/credentials/profile_environment.hpp"
#include "aws/endpoints/address_parts.hpp"
#include "aws/endpoints/endpoint.hpp"

namespace dynamirror::jobs {
namespace {

/// What is put together: below what any queue takes, with its attribute.
constexpr std::size_t kUsualBytes = 200'000;
constexpr std::size_t kLargestBytes = aws::SqsClient::kMaxMessageBytes - 1'000;  // the rest is the attribute's

/// Whole lines, in their order. Errors: class invalid for one that is too long.
Result<std::vector<std::string>> messages_of(std::string_view lines) {
  std::vector<std::string> messages;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, std::min(lines.size(), lines.find('\n') + 1));
    if (line.size() > kLargestBytes) {
      return failure(ErrorClass::kInvalid, "store dead letters", {},
                     "a letter of " + std::to_string(line.size()) +
                         " bytes is larger than a message of SQS can be (1 MiB); a bucket takes it "
                         "(DYNAMIRROR_DEAD_LETTERS=s3://bucket/prefix)");
    }
    if (messages.empty() || messages.back().size() + line.size() > kUsualBytes) messages.emplace_back();
    messages.back().append(line);
    lines.remove_prefix(line.size());
  }
  return messages;
}

}  // namespace

Result<std::unique_ptr<LetterQueue>> LetterQueue::open(const std::string& address, aws::SideOptions side,
                                                       aws::Surroundings surroundings) {
  auto queue = aws::parse_queue_address(address);
  if (!queue) return std::unexpected(std::move(queue.error()));
  const auto settings = aws::ProfileEnvironment::of(surroundings.environment, side.profile);
  if (!settings) return std::unexpected(settings.error());
  auto options = aws::endpoint_options(aws::Service::kSqs, *settings, queue->endpoint);
  if (!options) return std::unexpected(std::move(options.error()));
  auto endpoint = aws::resolve_endpoint(aws::Service::kSqs, queue->region, *options);
  if (!endpoint) return std::unexpected(std::move(endpoint.error()));
  const aws::Unsettled unsettled{.region = queue->region, .has_endpoint = true, .display = queue->url};
  auto region = aws::settled_region(unsettled, side.region, aws::configured_region(*settings, side.profile));
  if (!region) return std::unexpected(std::move(region.error()));
  if (side.region.empty() && region->str() != aws::kLocalRegion) side.region = region->str();
  auto credentials = aws::make_credentials(side, surroundings.environment, surroundings.transport, surroundings.clock,
                                           surroundings.random);
  if (!credentials) return std::unexpected(std::move(credentials.error()));
  aws::ApiClient::Options api{.endpoint = std::move(*endpoint),
                              .region = std::move(*region),
                              .service = std::string(aws::signing_name(aws::Service::kSqs)),
                              .target_prefix = aws::SqsClient::kTargetPrefix};
  return std::unique_ptr<LetterQueue>(
      new LetterQueue(std::move(queue->url), std::move(*credentials), std::move(api), surroundings));
}

LetterQueue::LetterQueue(std::string url, std::unique_ptr<aws::CredentialsProvider> credentials,
                         aws::ApiClient::Options api, aws::Surroundings surroundings)
    : credentials_(std::move(credentials)),
      api_(std::move(api), surroundings.transport, *credentials_, surroundings.clock, surroundings.random),
      client_(api_, std::move(url)) {}

async::Task<Status> LetterQueue::send(std::string table, std::string lines) {
  auto messages = messages_of(lines);
  if (!messages) {
    messages.error().resource = describe();
    co_return std::unexpected(std::move(messages.error()));
  }
  for (std::string& message : *messages) {
    auto sent = co_await client_.send(std::move(message), table);
    if (!sent) co_return sent;
  }
  co_return Status{};
}

async::Task<Result<std::optional<StoredBatch>>> LetterQueue::next() {
  if (received_.empty()) {
    auto messages = co_await client_.receive();
    if (!messages) co_return std::unexpected(std::move(messages.error()));
    // One that comes again, after its time of being hidden, was left before: all have been given then.
    for (aws::QueueMessage& message : *messages) {
      const bool is_new = receipts_.insert_or_assign(message.id, std::move(message.receipt)).second;
      if (!is_new) continue;
      received_.push_back(
          {.name = std::move(message.id), .table = std::move(message.subject), .lines = std::move(message.body)});
    }
  }
  if (received_.empty()) co_return std::nullopt;
  StoredBatch batch = std::move(received_.front());
  received_.pop_front();
  co_return batch;
}

async::Task<Result<bool>> LetterQueue::remove(const StoredBatch& batch) {
  auto removed = co_await client_.remove(receipts_.at(batch.name));
  if (!removed) co_return std::unexpected(std::move(removed.error()));
  co_return true;
}

}  // namespace dynamirror::jobs
