// SPDX-License-Identifier: Apache-2.0
#include "aws/endpoints/table_address.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "aws/endpoints/partition.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::string_view kHowToWrite =
    "write a table as region/table (eu-west-1/Orders), as its ARN, or as http(s)://host:port/table";

/// For the signature, where neither the user nor the server names a region.
constexpr std::string_view kLocal = "local";

std::unexpected<Error> bad_address(std::string_view text, const std::string& what) {
  return failure(ErrorClass::kInvalid, "read table address", std::string(text), what + "; " + std::string(kHowToWrite));
}

/// Source: "Supported data types and naming rules in Amazon DynamoDB": 3 to 255 of a-z A-Z 0-9 _ - .
bool is_table_name(std::string_view text) {
  return text.size() >= 3 && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                  c == '.';
         });
}

bool is_account_id(std::string_view text) {
  return text.size() == 12 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<TableName> table_name(std::string_view address, std::string_view name) {
  if (!is_table_name(name)) {
    return bad_address(address, "\"" + std::string(name) +
                                    "\" is not a table name (3 to 255 letters, digits, hyphens, underscores and dots)");
  }
  return TableName(std::string(name));
}

/// arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME
Result<TableAddress> parse_arn(std::string_view text) {
  std::array<std::string_view, 6> parts;
  std::string_view rest = text;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return bad_address(text, "the ARN has too few parts");
    parts[i] = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  parts[5] = rest;
  const auto& [arn, partition, service, region, account, resource] = parts;
  if (find_partition(partition) == nullptr) {
    return bad_address(text, "unknown partition \"" + std::string(partition) + "\" in the ARN");
  }
  if (service != "dynamodb") return bad_address(text, "the ARN is not one of DynamoDB");
  if (!looks_like_region(region))
    return bad_address(text, "\"" + std::string(region) + "\" in the ARN is not a region");
  if (partition_of_region(region).name != partition) {
    return bad_address(text, "region " + std::string(region) + " is not in partition " + std::string(partition));
  }
  if (!is_account_id(account)) return bad_address(text, "the account in the ARN is not 12 digits");
  constexpr std::string_view kTable = "table/";
  if (!resource.starts_with(kTable)) return bad_address(text, "the ARN does not name a table");
  const std::string_view name = resource.substr(kTable.size());
  if (name.find('/') != std::string_view::npos) {
    return bad_address(text, "the ARN names a part of a table (a stream, an index, …), not the table");
  }
  auto table = table_name(text, name);
  if (!table) return std::unexpected(std::move(table.error()));
  return TableAddress{.table = std::move(*table),
                      .region = Region(std::string(region)),
                      .account_id = std::string(account),
                      .partition = std::string(partition)};
}

Result<TableAddress> parse_endpoint_address(std::string_view text, std::string_view url_text) {
  auto url = http::parse_url(url_text);
  if (!url) {
    // People put passwords into URLs: such a text is not repeated.
    const bool may_hold_password = text.find('@') != std::string_view::npos;
    return bad_address(may_hold_password ? "" : text, "not an endpoint: " + url.error().message);
  }
  std::string_view path = url->path_and_query;
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.empty()) return bad_address(text, "no table after the endpoint");
  auto table = table_name(text, path);
  if (!table) return std::unexpected(std::move(table.error()));
  const auto region = region_of_host(url->endpoint.host);
  TableAddress address{.table = std::move(*table), .region = Region(std::string(region.value_or(kLocal)))};
  address.endpoint = std::move(url->endpoint);
  return address;
}

}  // namespace

std::string TableAddress::owner() const {
  if (!account_id || !partition) return {};
  return "arn:" + *partition + ":dynamodb:" + region.str() + ":" + *account_id + ":table/";
}

std::string TableAddress::display() const {
  if (endpoint) return endpoint->url() + "/" + table.str();
  return (account_id ? owner() : region.str() + "/") + table.str();
}

Result<TableAddress> settle_region(TableAddress address, const std::string& named,
                                   const std::optional<std::string>& configured) {
  if (!named.empty() && !looks_like_region(named)) {
    return failure(ErrorClass::kInvalid, "find the region of", address.display(), "\"" + named + "\" is not a region");
  }
  if (address.endpoint && address.region.str() == kLocal) {
    address.region = Region(named.empty() ? configured.value_or(std::string(kLocal)) : named);
  } else if (!named.empty() && named != address.region.str()) {
    return failure(
        ErrorClass::kInvalid, "find the region of", address.display(),
        "the address names " + address.region.str() + ", but the option " + named + "; leave the option out");
  }
  return address;
}

Result<TableAddress> parse_table_address(std::string_view text) {
  if (text.empty()) return bad_address(text, "no table named");
  if (text.starts_with("arn:")) return parse_arn(text);
  if (text.starts_with("http://") || text.starts_with("https://")) return parse_endpoint_address(text, text);
  if (text.find("://") != std::string_view::npos)
    return bad_address(text, "only http and https endpoints are supported");

  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return bad_address(text, "no region or endpoint before the table");
  const std::string_view place = text.substr(0, slash);
  // A port tells "host:port/table" from "region/table".
  if (place.find(':') != std::string_view::npos) {
    return parse_endpoint_address(text, "http://" + std::string(text));
  }
  if (place == kLocal || !looks_like_region(place)) {
    return bad_address(text, "\"" + std::string(place) + "\" is not a region");
  }
  auto table = table_name(text, text.substr(slash + 1));
  if (!table) return std::unexpected(std::move(table.error()));
  return TableAddress{.table = std::move(*table), .region = Region(std::string(place))};
}

}  // namespace dynamirror::aws
