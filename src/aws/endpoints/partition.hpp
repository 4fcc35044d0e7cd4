// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace dynamirror::aws {

/// A group of regions with its own accounts and domain names: AWS, its China, its US government, …
struct Partition {
  std::string_view name;                ///< "aws", "aws-cn", …
  std::string_view region_prefix;       ///< regions that start so belong here; empty for "aws", which takes the rest
  std::string_view dns_suffix;          ///< "amazonaws.com"
  std::string_view dual_stack_suffix;   ///< "api.aws"; empty where no dual-stack endpoints are published
  std::string_view sts_default_region;  ///< a region to ask for tokens in when the user names none
};

/// The partition of a region. An unknown region belongs to "aws": new regions appear more often than partitions, and
/// the AWS SDKs guess the same.
[[nodiscard]] const Partition& partition_of_region(std::string_view region);

/// The partition an ARN names, if we know it.
[[nodiscard]] const Partition* find_partition(std::string_view name);

/// What stands before the domain of a partition: "s3.eu-west-1.amazonaws.com" -> "s3.eu-west-1"; nothing for other
/// hosts.
[[nodiscard]] std::optional<std::string_view> before_domain_of_aws(std::string_view host);

/// The region in a host name of AWS: "dynamodb.eu-west-1.amazonaws.com", "123456789012.ddb.eu-west-1.amazonaws.com",
/// "vpce-1a2b-3c4d.dynamodb.eu-west-1.vpce.amazonaws.com" -> "eu-west-1"; nothing for other hosts.
[[nodiscard]] std::optional<std::string_view> region_of_host(std::string_view host);

/// Lower-case letters, digits and hyphens, at least one hyphen inside, or "local": what a region can look like.
[[nodiscard]] bool looks_like_region(std::string_view text);

}  // namespace dynamirror::aws
