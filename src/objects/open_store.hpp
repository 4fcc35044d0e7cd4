// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "aws/credentials/make_credentials.hpp"
#include "aws/environment.hpp"
#include "aws/surroundings.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "objects/object_address.hpp"
#include "objects/object_store.hpp"

namespace dynamirror::objects {

/// How a bucket is to be reached and what new objects get, as the user said it; empty means not said. A folder needs
/// none of it.
struct StoreOptions {
  std::string region{};    ///< default: the environment's or the profile's
  std::string endpoint{};  ///< URL; default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or that of the region
  std::optional<bool>
      path_style{};             ///< default: for endpoints named by the user, and for buckets that are no host name
  std::string sse{};            ///< "AES256", "aws:kms" or "aws:kms:dsse"
  std::string kms_key_id{};     ///< means "aws:kms" when `sse` is empty
  std::string storage_class{};  ///< e.g. "STANDARD_IA"
  std::string acl{};            ///< e.g. "bucket-owner-full-control"
  aws::SideOptions side{};      ///< credentials
};

/// Resolves endpoint and source of credentials; calls nobody yet. `surroundings` outlives the store, and whatever of
/// its work is still on the event loop. Errors: class invalid, for a region, endpoint, option, profile or role that
/// cannot be used.
[[nodiscard]] Result<std::unique_ptr<ObjectStore>> open_object_store(const ObjectAddress& address, StoreOptions options,
                                                                     aws::Surroundings surroundings);

}  // namespace dynamirror::objects
