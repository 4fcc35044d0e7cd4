// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/strong_id.hpp"

namespace dynamirror::aws {

/// arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE, where each is what it can be.
struct Arn {
  std::string_view partition;
  Region region;
  std::string_view account;
  std::string_view resource;  ///< "table/Orders", "stream/Orders"
};

/// The parts of an ARN of one service ("dynamodb", which people call `service_name`), or what is wrong with it. The
/// views live as long as `text`.
[[nodiscard]] std::expected<Arn, std::string> parse_arn(std::string_view text, std::string_view service,
                                                        std::string_view service_name);

/// An address whose region is to be settled.
struct Unsettled {
  Region region;  ///< the address's own; "local" where its endpoint names none
  bool has_endpoint = false;
  std::string display;
};

/// The region that requests are signed for: the address's own; else the one `named` by an option (empty: not said),
/// else the one `configured` in the environment or a profile, else "local". Errors: class invalid when `named` is no
/// region, or not the address's own.
[[nodiscard]] Result<Region> settled_region(const Unsettled& address, const std::string& named,
                                            const std::optional<std::string>& configured);

}  // namespace dynamirror::aws
