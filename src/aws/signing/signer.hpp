// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "aws/credentials/credentials.hpp"
#include "base/clock.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// Signs requests to one service in one region with Signature Version 4 (header form).
///
/// Promise: the signature covers method, path, query, host, body and every header of the request except those that a
/// proxy may touch (user-agent, connection, …). Signing a request again, as a retry must, replaces what an earlier
/// signing added. For service "s3" its own rules hold: the path stands as sent, and x-amz-content-sha256 is added.
///
/// The signing key, which changes once a day, is kept between requests. Not thread-safe.
/// Source: "Create a signed AWS API request" (IAM user guide); "Signature Calculations for the Authorization Header"
/// (S3 API reference).
class Signer {
 public:
  struct Options {
    std::string region;
    std::string service;  ///< the signing name: "dynamodb" (also for streams), "sts", "s3", …
  };

  enum class Payload {
    kSigned,    ///< the hash of the body is part of the signature
    kUnsigned,  ///< S3 over TLS only: the body is protected by the connection alone, and is not read for signing
  };

  explicit Signer(Options options);
  ~Signer();
  Signer(Signer&&) noexcept;
  Signer& operator=(Signer&&) noexcept;

  /// Adds x-amz-date, x-amz-security-token (for temporary keys) and authorization.
  /// REQUIRES: names in `request.headers` are lower-case; `Payload::kUnsigned` only for service "s3".
  void sign(http::Request& request, const Credentials& credentials, WallTime time, Payload payload = Payload::kSigned);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::aws
