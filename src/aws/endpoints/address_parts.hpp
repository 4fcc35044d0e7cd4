// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// For the signature, where neither the user nor the server names a region.
inline constexpr std::string_view kLocalRegion = "local";

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

/// http(s)://HOST:PORT/NAME, taken apart.
struct NamedAtEndpoint {
  http::Endpoint endpoint;
  std::string name;
  Region region;  ///< the host's; "local" where it names none
};

/// An address of that form of a `thing` ("table"), or what is wrong with it.
[[nodiscard]] std::expected<NamedAtEndpoint, std::string> parse_named_at_endpoint(std::string_view url,
                                                                                  std::string_view thing);

/// An address as an error may repeat it: not if it may hold a password.
[[nodiscard]] inline std::string_view without_password(std::string_view address) {
  return address.find('@') == std::string_view::npos ? address : std::string_view();
}

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
