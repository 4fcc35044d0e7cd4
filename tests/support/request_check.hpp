// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "support/service_error.hpp"
#include "support/wire_server.hpp"

namespace dynamirror::support {

/// Someone who may call. Plain strings: these are no secrets.
struct Identity {
  std::string access_key_id = "AKIDSTANDIN";
  std::string secret_access_key = "standin-secret";
  std::string session_token{};  ///< empty: requests must carry none
};

/// Checks what comes before the JSON: method, path, headers and the Signature Version 4, the latter computed here from
/// the specification ("Signature Version 4 signing process", IAM User Guide) without the program's own signer.
/// Not thread-safe.
class RequestCheck {
 public:
  struct Options {
    std::string region = "eu-west-1";
    std::string service = "dynamodb";
    std::chrono::seconds max_skew{300};     ///< between x-amz-date and our clock; the real service allows 15 min
    std::set<std::string> extra_headers{};  ///< allowed beyond the known ones
    bool verify_signature = true;
  };

  RequestCheck(Options options, std::vector<Identity> identities);

  void add_identity(Identity identity) { identities_[identity.access_key_id] = std::move(identity); }
  /// From now on requests of this access key are answered with ExpiredTokenException.
  void expire(const std::string& access_key_id) { expired_.insert(access_key_id); }

  /// The target "DynamoDB_20120810.PutItem" when everything is in order.
  [[nodiscard]] Expected<std::string> check(const WireRequest& request, WallTime now) const;

 private:
  struct Authorization {
    std::string access_key_id;
    std::string date;
    std::string region;
    std::string service;
    std::vector<std::string> signed_headers;
    std::string signature;
  };
  [[nodiscard]] static Expected<Authorization> parse_authorization(std::string_view text);
  [[nodiscard]] Expected<void> check_headers(const WireRequest& request) const;
  [[nodiscard]] Expected<void> check_scope(const WireRequest& request, const Authorization& given, WallTime now) const;
  [[nodiscard]] Expected<void> check_identity(const WireRequest& request, const Authorization& given) const;
  [[nodiscard]] std::string expected_signature(const WireRequest& request, const Authorization& given) const;

  Options options_;
  std::map<std::string, Identity> identities_;
  std::set<std::string> expired_;
};

}  // namespace dynamirror::support
