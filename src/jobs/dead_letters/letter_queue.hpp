// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "aws/api_client.hpp"
#include "aws/credentials/make_credentials.hpp"
#include "aws/sqs/client.hpp"
#include "aws/surroundings.hpp"
#include "jobs/dead_letters/stored_letters.hpp"

namespace dynamirror::jobs {

/// Letters in a queue of SQS: a message holds some lines of one batch, and its subject is their table. Not thread-safe.
class LetterQueue final : public StoredLetters {
 public:
  /// Resolves the endpoint and the source of credentials; calls nobody yet. Errors: class invalid, for an address,
  /// region, profile or role that cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<LetterQueue>> open(const std::string& address, aws::SideOptions side,
                                                                 aws::Surroundings surroundings);

  /// Stores the letters of a batch, as few messages as fit. Errors, with some of them stored perhaps: class invalid for
  /// a letter that no message can hold (nothing is sent then), or not this queue's.
  [[nodiscard]] async::Task<Status> send(std::string table, std::string lines);

  [[nodiscard]] async::Task<Result<std::optional<StoredBatch>>> next() override;
  [[nodiscard]] async::Task<Result<bool>> remove(const StoredBatch& batch) override;
  [[nodiscard]] std::string describe() const override { return client_.queue_url(); }

 private:
  LetterQueue(std::string url, std::unique_ptr<aws::CredentialsProvider> credentials, aws::ApiClient::Options api,
              aws::Surroundings surroundings);

  std::unique_ptr<aws::CredentialsProvider> credentials_;
  aws::ApiClient api_;
  aws::SqsClient client_;
  std::deque<StoredBatch> received_;
  std::map<std::string, std::string> receipts_;  ///< of every message given so far, by its id
};

}  // namespace dynamirror::jobs
