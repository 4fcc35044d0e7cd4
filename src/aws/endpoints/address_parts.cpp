// SPDX-License-Identifier: Apache-2.0
#include "aws/endpoints/address_parts.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "aws/endpoints/partition.hpp"

namespace dynamirror::aws {
namespace {

bool is_account_id(std::string_view text) {
  return text.size() == 12 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::expected<Arn, std::string> parse_arn(std::string_view text, std::string_view wanted, std::string_view name) {
  std::array<std::string_view, 6> parts;
  std::string_view rest = text;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return std::unexpected("the ARN has too few parts");
    parts[i] = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  parts[5] = rest;
  const auto& [arn, partition, service, region, account, resource] = parts;
  if (find_partition(partition) == nullptr) {
    return std::unexpected("unknown partition \"" + std::string(partition) + "\" in the ARN");
  }
  if (service != wanted) return std::unexpected("the ARN is not one of " + std::string(name));
  if (!looks_like_region(region)) {
    return std::unexpected("\"" + std::string(region) + "\" in the ARN is not a region");
  }
  if (partition_of_region(region).name != partition) {
    return std::unexpected("region " + std::string(region) + " is not in partition " + std::string(partition));
  }
  if (!is_account_id(account)) return std::unexpected("the account in the ARN is not 12 digits");
  return Arn{.partition = partition, .region = Region(std::string(region)), .account = account, .resource = resource};
}

std::expected<NamedAtEndpoint, std::string> parse_named_at_endpoint(std::string_view text, std::string_view thing) {
  auto url = http::parse_url(text);
  if (!url) return std::unexpected("not an endpoint: " + url.error().message);
  std::string_view path = url->path_and_query;
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.empty()) return std::unexpected("no " + std::string(thing) + " after the endpoint");
  const auto region = region_of_host(url->endpoint.host);
  return NamedAtEndpoint{.endpoint = std::move(url->endpoint),
                         .name = std::string(path),
                         .region = Region(std::string(region.value_or(kLocalRegion)))};
}

Result<Region> settled_region(const Unsettled& address, const std::string& named,
                              const std::optional<std::string>& configured) {
  if (!named.empty() && !looks_like_region(named)) {
    return failure(ErrorClass::kInvalid, "find the region of", address.display, "\"" + named + "\" is not a region");
  }
  if (address.has_endpoint && address.region.str() == kLocalRegion) {
    return Region(named.empty() ? configured.value_or(std::string(kLocalRegion)) : named);
  }
  if (!named.empty() && named != address.region.str()) {
    return failure(
        ErrorClass::kInvalid, "find the region of", address.display,
        "the address names " + address.region.str() + ", but the option " + named + "; leave the option out");
  }
  return address.region;
}

}  // namespace dynamirror::aws
