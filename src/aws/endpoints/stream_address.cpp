// SPDX-License-Identifier: Apache-2.0
#include "aws/endpoints/stream_address.hpp"

#include <algorithm>
#include <utility>

#include "aws/endpoints/address_parts.hpp"
#include "aws/endpoints/partition.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::string_view kScheme = "kinesis:";
constexpr std::string_view kHowToWrite =
    "write a stream of Kinesis as kinesis:region/name (kinesis:eu-west-1/orders), as its ARN, or as "
    "http(s)://host:port/name";

std::unexpected<Error> bad_address(std::string_view text, const std::string& what) {
  return failure(ErrorClass::kInvalid, "read stream address", std::string(text),
                 what + "; " + std::string(kHowToWrite));
}

/// Source: CreateStream in the API reference of Kinesis Data Streams: 1 to 128 of a-z A-Z 0-9 _ . -
Result<std::string> stream_name(std::string_view address, std::string_view name) {
  const bool allowed = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
  if (allowed && !name.empty() && name.size() <= 128) return std::string(name);
  return bad_address(
      address,
      "\"" + std::string(name) + "\" is not a stream's name (1 to 128 letters, digits, hyphens, underscores and dots)");
}

Result<StreamAddress> parse_stream_arn(std::string_view text) {
  const auto arn = parse_arn(text, "kinesis", "Kinesis");
  if (!arn) return bad_address(text, arn.error());
  constexpr std::string_view kStream = "stream/";
  if (!arn->resource.starts_with(kStream)) return bad_address(text, "the ARN does not name a stream");
  const std::string_view name = arn->resource.substr(kStream.size());
  if (name.find('/') != std::string_view::npos) {
    return bad_address(text, "the ARN names a consumer of a stream, not the stream");
  }
  auto stream = stream_name(text, name);
  if (!stream) return std::unexpected(std::move(stream.error()));
  return StreamAddress{.name = std::move(*stream),
                       .region = arn->region,
                       .account_id = std::string(arn->account),
                       .partition = std::string(arn->partition)};
}

Result<StreamAddress> parse_endpoint_address(std::string_view text) {
  auto named = parse_named_at_endpoint(text, "stream");
  if (!named) return bad_address(without_password(text), named.error());
  auto name = stream_name(text, named->name);
  if (!name) return std::unexpected(std::move(name.error()));
  StreamAddress address{.name = std::move(*name), .region = std::move(named->region)};
  address.endpoint = std::move(named->endpoint);
  return address;
}

}  // namespace

std::string StreamAddress::arn() const {
  if (!account_id || !partition) return {};
  return "arn:" + *partition + ":kinesis:" + region.str() + ":" + *account_id + ":stream/" + name;
}

std::string StreamAddress::display() const {
  if (endpoint) return endpoint->url() + "/" + name;
  return account_id ? arn() : std::string(kScheme) + region.str() + "/" + name;
}

Result<StreamAddress> settle_region(StreamAddress address, const std::string& named,
                                    const std::optional<std::string>& configured) {
  const Unsettled unsettled{
      .region = address.region, .has_endpoint = address.endpoint.has_value(), .display = address.display()};
  auto region = settled_region(unsettled, named, configured);
  if (!region) return std::unexpected(std::move(region.error()));
  address.region = std::move(*region);
  return address;
}

Result<StreamAddress> parse_stream_address(std::string_view text) {
  const bool has_scheme = text.starts_with(kScheme);
  const std::string_view rest = has_scheme ? text.substr(kScheme.size()) : text;
  if (rest.empty()) return bad_address(text, "no stream named");
  if (rest.starts_with("arn:")) return parse_stream_arn(rest);
  if (rest.starts_with("http://") || rest.starts_with("https://")) return parse_endpoint_address(rest);
  if (rest.find("://") != std::string_view::npos) {
    return bad_address(text, "only http and https endpoints are supported");
  }
  if (!has_scheme) return bad_address(text, "nothing says that it is a stream of Kinesis");
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return bad_address(text, "no region before the stream");
  const std::string_view region = rest.substr(0, slash);
  if (region == kLocalRegion || !looks_like_region(region)) {
    return bad_address(text, "\"" + std::string(region) + "\" is not a region");
  }
  auto name = stream_name(text, rest.substr(slash + 1));
  if (!name) return std::unexpected(std::move(name.error()));
  return StreamAddress{.name = std::move(*name), .region = Region(std::string(region))};
}

}  // namespace dynamirror::aws
