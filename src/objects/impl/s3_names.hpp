// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace dynamirror::objects {

/// A bucket that is not named by its name alone.
struct NamedBucket {
  std::string bucket;  ///< the label in the host name; of an access point "NAME-ACCOUNT"
  std::string key;     ///< what follows; may be empty
  std::string region;  ///< empty: not named
  std::string access_point_arn{};
};

/// "https://BUCKET.s3.REGION.amazonaws.com/key", "https://s3.REGION.amazonaws.com/BUCKET/key" and their older forms:
/// without a region, or with a hyphen before it. The key is percent-encoded. Errors: class invalid, without a place.
[[nodiscard]] Result<NamedBucket> read_bucket_url(std::string_view url);

/// "arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME/key", as the AWS CLI writes it behind "s3://". Errors: class invalid,
/// without a place, also for access points of Outposts and of several regions.
[[nodiscard]] Result<NamedBucket> read_access_point(std::string_view text);

}  // namespace dynamirror::objects
