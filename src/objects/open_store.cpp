// SPDX-License-Identifier: Apache-2.0
#include "objects/open_store.hpp"

#include <algorithm>
#include <utility>

#include "aws/credentials/profile_environment.hpp"
#include "aws/endpoints/endpoint.hpp"
#include "aws/endpoints/partition.hpp"
#include "objects/folder_store.hpp"
#include "objects/s3_store.hpp"

namespace dynamirror::objects {
namespace {

std::unexpected<Error> wrong_option(const S3Address& address, std::string message) {
  return failure(ErrorClass::kInvalid, "open", display(address), std::move(message));
}

/// The endpoint the user named, on the command line, in the environment or in the profile; nothing when that of the
/// region serves.
Result<aws::EndpointOptions> find_endpoint(const S3Address& address, const StoreOptions& options,
                                           const aws::Environment& environment) {
  std::optional<http::Endpoint> named;
  if (!options.endpoint.empty()) {
    auto endpoint = http::parse_endpoint(options.endpoint);
    if (!endpoint) return wrong_option(address, "the S3 endpoint: " + endpoint.error().message);
    named = std::move(*endpoint);
  }
  const auto settings = aws::ProfileEnvironment::of(environment, options.side.profile);
  if (!settings) return std::unexpected(settings.error());
  return aws::endpoint_options(aws::Service::kS3, *settings, std::move(named));
}

Result<Region> find_region(const S3Address& address, const StoreOptions& options,
                           const std::optional<http::Endpoint>& endpoint, const aws::Environment& environment) {
  if (!address.access_point_arn.empty()) return Region(address.region);
  if (!options.region.empty()) return Region(options.region);
  if (!address.region.empty()) return Region(address.region);
  if (endpoint) {
    if (const auto region = aws::region_of_host(endpoint->host)) return Region(std::string(*region));
  }
  if (!options.side.region.empty()) return Region(options.side.region);
  if (const auto region = aws::configured_region(environment, options.side.profile)) return Region(*region);
  // Servers beside AWS take any region, and this one most often.
  if (endpoint) return Region("us-east-1");
  return wrong_option(address, "no region is known; name the bucket's region, or set AWS_REGION");
}

Status check_settings(const S3Address& address, StoreOptions& options) {
  if (options.sse.empty() && !options.kms_key_id.empty()) options.sse = "aws:kms";
  if (!options.sse.empty() && options.sse != "AES256" && options.sse != "aws:kms" && options.sse != "aws:kms:dsse") {
    return wrong_option(address, "\"" + options.sse + "\" is no server-side encryption; it is AES256 or aws:kms");
  }
  if (options.sse == "AES256" && !options.kms_key_id.empty()) {
    return wrong_option(address, "a KMS key was named, but the encryption is AES256; it must be aws:kms");
  }
  return {};
}

/// Whether a certificate for "*.s3.REGION.amazonaws.com" covers the bucket as a host name.
bool is_host_label(std::string_view bucket) {
  return bucket.size() <= 63 && std::all_of(bucket.begin(), bucket.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

Result<std::unique_ptr<ObjectStore>> open_s3(const S3Address& address, StoreOptions options,
                                             aws::Surroundings surroundings) {
  const auto& [transport, environment, clock, random] = surroundings;
  if (auto fine = check_settings(address, options); !fine) return std::unexpected(std::move(fine.error()));
  const auto endpoint_options = find_endpoint(address, options, environment);
  if (!endpoint_options) return std::unexpected(endpoint_options.error());
  const auto& explicit_endpoint = endpoint_options->explicit_endpoint;
  const auto region = find_region(address, options, explicit_endpoint, environment);
  if (!region) return std::unexpected(region.error());
  auto endpoint = aws::resolve_endpoint(aws::Service::kS3, *region, *endpoint_options);
  if (!endpoint) return std::unexpected(std::move(endpoint.error()));
  const bool access_point = !address.access_point_arn.empty();
  // "s3-fips.REGION…" -> "s3-accesspoint-fips.REGION…"
  if (access_point && !explicit_endpoint) endpoint->host.insert(std::string_view("s3").size(), "-accesspoint");

  // A region of our own making means nothing to STS.
  if (options.side.region.empty() && !explicit_endpoint) options.side.region = region->str();
  auto credentials = aws::make_credentials(options.side, environment, transport, clock, random);
  if (!credentials) return std::unexpected(std::move(credentials.error()));
  aws::S3Client::Options client{
      .endpoint = std::move(*endpoint),
      .region = *region,
      .bucket = address.bucket,
      .path_style = !access_point && options.path_style.value_or(explicit_endpoint || !is_host_label(address.bucket)),
      .settings = {.sse = options.sse,
                   .kms_key_id = options.kms_key_id,
                   .storage_class = options.storage_class,
                   .acl = options.acl}};
  auto access = std::make_shared<S3Access>(std::move(client), std::move(*credentials), transport, clock, random);
  return std::make_unique<S3Store>(std::move(access), address.prefix);
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_object_store(const ObjectAddress& address, StoreOptions options,
                                                       aws::Surroundings surroundings) {
  if (const auto* folder = std::get_if<FolderAddress>(&address)) {
    return std::make_unique<FolderStore>(folder->path, surroundings.random);
  }
  return open_s3(std::get<S3Address>(address), std::move(options), surroundings);
}

}  // namespace dynamirror::objects
