// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/error.hpp"

namespace dynamirror::objects {

/// `s3://bucket/prefix`, `https://bucket.s3.REGION.amazonaws.com/prefix` (also with the bucket in the path, or without
/// a region), or `s3://arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME/prefix`.
struct S3Address {
  std::string bucket;              ///< of an access point: "NAME-ACCOUNT", as in its host name
  std::string prefix;              ///< what all keys begin with: empty, the whole bucket, or with a slash at its end
  std::string region{};            ///< empty: the address names none
  std::string access_point_arn{};  ///< empty: the bucket itself
};

/// `file:/path` or `file:relative/path`
struct FolderAddress {
  std::string path;  ///< without a slash at the end, unless it is "/"
};

/// Where objects are, as the user names it.
using ObjectAddress = std::variant<S3Address, FolderAddress>;

/// A slash at the end means nothing; in S3 an empty part is one like any other: "s3://b/p//" is the place of keys
/// "p//…". Errors: class invalid, saying which part is wrong and how an address is written.
/// Source: "General purpose bucket naming rules" (S3 user guide); the wider rules of buckets made before 2018 in
/// us-east-1 hold, too, since such buckets are still there.
[[nodiscard]] Result<ObjectAddress> parse_object_address(std::string_view text);

/// In one form, whatever the user wrote: "s3://bucket/prefix", "s3://arn:…:accesspoint/name/prefix", "file:/path".
[[nodiscard]] std::string display(const ObjectAddress& address);

/// "a/b/" is shown as "a/b"; of "a//", which means something else than "a", both slashes stay.
[[nodiscard]] std::string without_closing_slash(std::string path);

}  // namespace dynamirror::objects
