// SPDX-License-Identifier: Apache-2.0
#include "aws/endpoints/table_address.hpp"

#include <algorithm>
#include <utility>

#include "aws/endpoints/address_parts.hpp"
#include "aws/endpoints/partition.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::string_view kHowToWrite =
    "write a table as region/table (eu-west-1/Orders), as its ARN, or as http(s)://host:port/table";

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

Result<TableName> table_name(std::string_view address, std::string_view name) {
  if (!is_table_name(name)) {
    return bad_address(address, "\"" + std::string(name) +
                                    "\" is not a table name (3 to 255 letters, digits, hyphens, underscores and dots)");
  }
  return TableName(std::string(name));
}

/// arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME
Result<TableAddress> parse_table_arn(std::string_view text) {
  const auto arn = parse_arn(text, "dynamodb", "DynamoDB");
  if (!arn) return bad_address(text, arn.error());
  constexpr std::string_view kTable = "table/";
  if (!arn->resource.starts_with(kTable)) return bad_address(text, "the ARN does not name a table");
  const std::string_view name = arn->resource.substr(kTable.size());
  if (name.find('/') != std::string_view::npos) {
    return bad_address(text, "the ARN names a part of a table (a stream, an index, …), not the table");
  }
  auto table = table_name(text, name);
  if (!table) return std::unexpected(std::move(table.error()));
  return TableAddress{.table = std::move(*table),
                      .region = arn->region,
                      .account_id = std::string(arn->account),
                      .partition = std::string(arn->partition)};
}

Result<TableAddress> parse_endpoint_address(std::string_view text, std::string_view url) {
  auto named = parse_named_at_endpoint(url, "table");
  if (!named) return bad_address(without_password(text), named.error());
  auto table = table_name(text, named->name);
  if (!table) return std::unexpected(std::move(table.error()));
  TableAddress address{.table = std::move(*table), .region = std::move(named->region)};
  address.endpoint = std::move(named->endpoint);
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
  const Unsettled unsettled{
      .region = address.region, .has_endpoint = address.endpoint.has_value(), .display = address.display()};
  auto region = settled_region(unsettled, named, configured);
  if (!region) return std::unexpected(std::move(region.error()));
  address.region = std::move(*region);
  return address;
}

Result<TableAddress> parse_table_address(std::string_view text) {
  if (text.empty()) return bad_address(text, "no table named");
  if (text.starts_with("arn:")) return parse_table_arn(text);
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
  if (place == kLocalRegion || !looks_like_region(place)) {
    return bad_address(text, "\"" + std::string(place) + "\" is not a region");
  }
  auto table = table_name(text, text.substr(slash + 1));
  if (!table) return std::unexpected(std::move(table.error()));
  return TableAddress{.table = std::move(*table), .region = Region(std::string(place))};
}

}  // namespace dynamirror::aws
