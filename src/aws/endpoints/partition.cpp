// SPDX-License-Identifier: Apache-2.0
#include "aws/endpoints/partition.hpp"

#include <algorithm>
#include <array>

namespace dynamirror::aws {
namespace {

// Source: the partitions table that the AWS SDKs share (partitions.json in botocore). Dual-stack domains of the
// isolated partitions are not published for our services and therefore left out. Longer prefixes stand before shorter
// ones.
constexpr std::array<Partition, 8> kPartitions{{
    {"aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "cn-north-1"},
    {"aws-us-gov", "us-gov-", "amazonaws.com", "api.aws", "us-gov-west-1"},
    {"aws-iso-b", "us-isob-", "sc2s.sgov.gov", "", "us-isob-east-1"},
    {"aws-iso-f", "us-isof-", "csp.hci.ic.gov", "", "us-isof-south-1"},
    {"aws-iso", "us-iso-", "c2s.ic.gov", "", "us-iso-east-1"},
    {"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "", "eu-isoe-west-1"},
    {"aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu", "eusc-de-east-1"},
    {"aws", "", "amazonaws.com", "api.aws", "us-east-1"},
}};

/// "dynamodb.eu-west-1" before ".amazonaws.com"; nothing when the host does not end so.
std::optional<std::string_view> without_suffix(std::string_view host, std::string_view suffix) {
  if (suffix.empty() || host.size() <= suffix.size() + 1 || !host.ends_with(suffix)) return std::nullopt;
  const std::string_view rest = host.substr(0, host.size() - suffix.size());
  if (!rest.ends_with('.')) return std::nullopt;
  return rest.substr(0, rest.size() - 1);
}

}  // namespace

const Partition& partition_of_region(std::string_view region) {
  return *std::find_if(kPartitions.begin(), kPartitions.end(),
                       [&](const Partition& partition) { return region.starts_with(partition.region_prefix); });
}

const Partition* find_partition(std::string_view name) {
  const auto partition = std::find_if(kPartitions.begin(), kPartitions.end(),
                                      [&](const Partition& partition) { return partition.name == name; });
  return partition == kPartitions.end() ? nullptr : &*partition;
}

std::optional<std::string_view> before_domain_of_aws(std::string_view host) {
  for (const Partition& partition : kPartitions) {
    for (const std::string_view suffix : {partition.dns_suffix, partition.dual_stack_suffix}) {
      if (const auto rest = without_suffix(host, suffix)) return rest;
    }
  }
  return std::nullopt;
}

std::optional<std::string_view> region_of_host(std::string_view host) {
  auto rest = before_domain_of_aws(host);
  if (!rest) return std::nullopt;
  rest = without_suffix(*rest, "vpce").value_or(*rest);
  const std::size_t dot = rest->rfind('.');
  if (dot == std::string_view::npos || !looks_like_region(rest->substr(dot + 1))) return std::nullopt;
  return rest->substr(dot + 1);
}

bool looks_like_region(std::string_view text) {
  if (text == "local") return true;
  const bool allowed = std::all_of(text.begin(), text.end(),
                                   [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  return allowed && text.size() <= 32 && text.find('-') != std::string_view::npos && !text.starts_with('-') &&
         !text.ends_with('-');
}

}  // namespace dynamirror::aws
