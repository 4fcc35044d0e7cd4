// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// A stream of Kinesis as the user names it: `kinesis:region/name`, an ARN
/// (`arn:aws:kinesis:region:account:stream/name`) or `http(s)://host:port/name`; the latter two also behind `kinesis:`.
struct StreamAddress {
  std::string name;
  Region region;                             ///< "local" when an endpoint was named that names no region
  std::optional<std::string> account_id{};   ///< only known from an ARN
  std::optional<std::string> partition{};    ///< only known from an ARN
  std::optional<http::Endpoint> endpoint{};  ///< only when the user named one

  /// What was named as an ARN; empty otherwise.
  [[nodiscard]] std::string arn() const;

  /// The text to show: what the user wrote, in one form.
  [[nodiscard]] std::string display() const;
};

/// Errors: class invalid, saying which part is wrong and how a stream is written.
[[nodiscard]] Result<StreamAddress> parse_stream_address(std::string_view text);

/// The address with the region that requests are signed for, and errors: see `settled_region`.
[[nodiscard]] Result<StreamAddress> settle_region(StreamAddress address, const std::string& named,
                                                  const std::optional<std::string>& configured);

}  // namespace dynamirror::aws
