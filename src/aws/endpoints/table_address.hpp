// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// A table as the user names it: `region/table`, an ARN (`arn:aws:dynamodb:region:account:table/name`),
/// `http(s)://host:port/table`, or `host:port/table` (plain http; as in the mapbox tools).
struct TableAddress {
  TableName table;
  Region region;                             ///< "local" when an endpoint was named that names no region
  std::optional<std::string> account_id{};   ///< only known from an ARN
  std::optional<std::string> partition{};    ///< only known from an ARN
  std::optional<http::Endpoint> endpoint{};  ///< only when the user named one

  /// What the ARNs of this account's tables in this region begin with, up to the name; empty when no ARN was named.
  [[nodiscard]] std::string owner() const;

  /// The text to show: what the user wrote, in one form.
  [[nodiscard]] std::string display() const;
};

/// Errors: class invalid, saying which part is wrong and how a table is written.
[[nodiscard]] Result<TableAddress> parse_table_address(std::string_view text);

/// The address with the region that requests are signed for, and errors: see `settled_region`.
[[nodiscard]] Result<TableAddress> settle_region(TableAddress address, const std::string& named,
                                                 const std::optional<std::string>& configured);

}  // namespace dynamirror::aws
