// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "aws/api_client.hpp"
#include "aws/credentials/make_credentials.hpp"
#include "aws/dynamodb/client.hpp"
#include "aws/endpoints/table_address.hpp"
#include "aws/environment.hpp"
#include "aws/streams/client.hpp"
#include "aws/surroundings.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "http/transport.hpp"

namespace dynamirror::jobs {

/// One table of a job with the clients and the identity that reach it. Source and target are two of these, each with
/// credentials of its own: that is all there is to cross-account and cross-partition replication.
/// Not thread-safe: lives on one event loop.
class TableSide {
 public:
  /// Resolves endpoints and the source of credentials; calls nobody yet.
  /// Errors: class invalid, for a region, endpoint, profile or role that cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<TableSide>> open(aws::TableAddress address, aws::SideOptions options,
                                                               aws::Surroundings surroundings);

  [[nodiscard]] const aws::TableAddress& address() const { return address_; }
  [[nodiscard]] std::string display() const { return address_.display(); }
  [[nodiscard]] const http::Endpoint& endpoint() const { return dynamodb_api_.options().endpoint; }
  [[nodiscard]] std::string credentials_source() const { return credentials_->describe(); }
  [[nodiscard]] aws::DynamoDbClient& dynamodb() { return dynamodb_; }
  [[nodiscard]] aws::StreamsClient& streams() { return streams_; }
  [[nodiscard]] const aws::ApiClient& dynamodb_api() const { return dynamodb_api_; }
  [[nodiscard]] const aws::ApiClient& streams_api() const { return streams_api_; }
  /// HTTP requests sent to the table and its stream, retries included.
  [[nodiscard]] std::uint64_t requests() const {
    return dynamodb_api_.statistics().requests + streams_api_.statistics().requests;
  }

 private:
  TableSide(aws::TableAddress address, std::unique_ptr<aws::CredentialsProvider> credentials,
            aws::ApiClient::Options dynamodb, aws::ApiClient::Options streams, aws::Surroundings surroundings);

  aws::TableAddress address_;
  std::unique_ptr<aws::CredentialsProvider> credentials_;
  aws::ApiClient dynamodb_api_;
  aws::ApiClient streams_api_;
  aws::DynamoDbClient dynamodb_;
  aws::StreamsClient streams_;
};

}  // namespace dynamirror::jobs
