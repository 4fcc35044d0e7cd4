// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "aws/api_client.hpp"
#include "aws/credentials/make_credentials.hpp"
#include "aws/endpoints/stream_address.hpp"
#include "aws/kinesis/client.hpp"
#include "aws/surroundings.hpp"
#include "base/error.hpp"

namespace dynamirror::source {

/// One stream of Kinesis with the client and the identity that reach it: a third one beside those of the tables, for
/// the stream may be in another account or region than either. Not thread-safe: lives on one event loop.
class KinesisSide {
 public:
  /// Resolves the endpoint and the source of credentials; calls nobody yet.
  /// Errors: class invalid, for a region, endpoint, profile or role that cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<KinesisSide>> open(aws::StreamAddress address, aws::SideOptions options,
                                                                 aws::Surroundings surroundings);

  [[nodiscard]] const aws::StreamAddress& address() const { return address_; }
  [[nodiscard]] std::string display() const { return address_.display(); }
  [[nodiscard]] const http::Endpoint& endpoint() const { return api_.options().endpoint; }
  [[nodiscard]] std::string credentials_source() const { return credentials_->describe(); }
  [[nodiscard]] aws::KinesisClient& client() { return client_; }
  /// HTTP requests, and bytes of their answers.
  [[nodiscard]] const aws::ApiClient::Statistics& statistics() const { return api_.statistics(); }

 private:
  KinesisSide(aws::StreamAddress address, std::unique_ptr<aws::CredentialsProvider> credentials,
              aws::ApiClient::Options api, aws::Surroundings surroundings);

  aws::StreamAddress address_;
  std::unique_ptr<aws::CredentialsProvider> credentials_;
  aws::ApiClient api_;
  aws::KinesisClient client_;
};

}  // namespace dynamirror::source
