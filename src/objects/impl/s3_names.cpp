// SPDX-License-Identifier: Apache-2.0
#include "objects/impl/s3_names.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "aws/endpoints/partition.hpp"
#include "base/percent_decoding.hpp"
#include "http/transport.hpp"

namespace dynamirror::objects {
namespace {

std::unexpected<Error> wrong(std::string message) { return failure(ErrorClass::kInvalid, {}, {}, std::move(message)); }

std::string_view take_last_label(std::string_view& host) {
  const std::size_t dot = host.rfind('.');
  const std::string_view label = host.substr(dot == std::string_view::npos ? 0 : dot + 1);
  host = dot == std::string_view::npos ? std::string_view() : host.substr(0, dot);
  return label;
}

/// Bucket (empty: it stands in the path) and region of "BUCKET.s3.REGION", what stands before the domain of AWS.
std::optional<NamedBucket> read_host(std::string_view host) {
  NamedBucket named;
  std::string_view label = take_last_label(host);
  if (!label.starts_with("s3") && aws::looks_like_region(label)) {
    named.region = label;
    label = take_last_label(host);
  }
  if (label == "dualstack") label = take_last_label(host);
  const bool service = label == "s3" || label == "s3-fips" || label == "s3-external-1";
  if (!service && label.starts_with("s3-") && named.region.empty() && aws::looks_like_region(label.substr(3))) {
    named.region = label.substr(3);
  } else if (!service) {
    return std::nullopt;
  }
  named.bucket = host;
  return named;
}

/// The parts of an ARN; fewer than six when there are fewer.
std::array<std::string_view, 6> parts_of_arn(std::string_view text) {
  std::array<std::string_view, 6> parts;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const std::size_t colon = std::min(text.find(':'), text.size());
    parts[i] = text.substr(0, colon);
    text.remove_prefix(std::min(colon + 1, text.size()));
  }
  parts.back() = text;
  return parts;
}

}  // namespace

Result<NamedBucket> read_bucket_url(std::string_view text) {
  const auto url = http::parse_url(text);
  if (!url) return wrong(url.error().message);
  const auto host = aws::before_domain_of_aws(url->endpoint.host);
  auto named = host ? read_host(*host) : std::nullopt;
  if (!named) {
    return wrong(
        "its host is not one of S3's for buckets; name another server by --s3-endpoint, and the bucket as s3://");
  }
  if (url->path_and_query.find('?') != std::string::npos) return wrong("its query (?…) cannot be used");
  const auto path = percent_decoded(std::string_view(url->path_and_query).substr(url->path_and_query.empty() ? 0 : 1));
  if (!path) return wrong("a per-cent sign in it is not followed by two hexadecimal digits");
  named->key = *path;
  if (named->bucket.empty()) {
    const std::size_t slash = std::min(path->find('/'), path->size());
    named->bucket = path->substr(0, slash);
    named->key.erase(0, slash + 1);
  }
  if (named->bucket.empty()) return wrong("no bucket named");
  return std::move(*named);
}

Result<NamedBucket> read_access_point(std::string_view text) {
  constexpr std::string_view kKind = "accesspoint";
  const auto [arn, partition, service, region, account, resource] = parts_of_arn(text);
  const bool separated =
      resource.size() > kKind.size() + 1 && (resource[kKind.size()] == '/' || resource[kKind.size()] == ':');
  if (service != "s3" || !resource.starts_with(kKind) || !separated) {
    return wrong("the ARN is not that of an access point (arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME)");
  }
  if (region.empty()) return wrong("access points of several regions are not supported; name that of one region");
  if (!aws::looks_like_region(region) || aws::partition_of_region(region).name != partition) {
    return wrong("\"" + std::string(region) + "\" is not a region of partition " + std::string(partition));
  }
  const std::string_view rest = resource.substr(kKind.size() + 1);
  const std::string_view name = rest.substr(0, rest.find('/'));
  const std::string_view arn_text = text.substr(0, text.size() - (rest.size() - name.size()));
  return NamedBucket{.bucket = std::string(name) + "-" + std::string(account),
                     .key = std::string(rest.substr(std::min(name.size() + 1, rest.size()))),
                     .region = std::string(region),
                     .access_point_arn = std::string(arn_text)};
}

}  // namespace dynamirror::objects
