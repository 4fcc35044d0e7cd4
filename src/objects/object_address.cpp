// SPDX-License-Identifier: Apache-2.0
#include "objects/object_address.hpp"

#include <algorithm>
#include <utility>

#include "objects/impl/s3_names.hpp"

namespace dynamirror::objects {
namespace {

constexpr std::string_view kS3 = "s3://";
constexpr std::string_view kFile = "file:";

std::unexpected<Error> bad_address(std::string_view text, const std::string& what) {
  return failure(ErrorClass::kInvalid, "read address", std::string(text),
                 what + "; write it as s3://bucket/prefix or file:/folder");
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// "192.168.5.4": refused by S3, and a sign that somebody has put an endpoint where the bucket belongs.
bool looks_like_ip(std::string_view text) {
  return std::count(text.begin(), text.end(), '.') == 3 &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
}

bool is_bucket_name(std::string_view text) {
  const bool allowed = std::all_of(
      text.begin(), text.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_'; });
  return allowed && text.size() >= 3 && text.size() <= 255 && text.find("..") == std::string_view::npos &&
         (is_letter(text.front()) || is_digit(text.front())) && !looks_like_ip(text);
}

Result<ObjectAddress> parse_s3(std::string_view text);

/// The same bucket by its own name, and the region beside it.
Result<ObjectAddress> by_own_name(std::string_view text, const Result<NamedBucket>& named) {
  // People put passwords into URLs: such a text is not repeated.
  if (!named) return bad_address(text.find('@') == std::string_view::npos ? text : "", named.error().message);
  auto address = parse_s3(std::string(kS3) + named->bucket + "/" + named->key);
  if (!address) return address;
  auto& s3 = std::get<S3Address>(*address);
  s3.region = named->region;
  s3.access_point_arn = named->access_point_arn;
  return address;
}

Result<ObjectAddress> parse_s3(std::string_view text) {
  const std::string_view rest = text.substr(kS3.size());
  if (rest.starts_with("arn:")) return by_own_name(text, read_access_point(rest));
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view bucket = rest.substr(0, slash);
  std::string prefix(rest.substr(std::min(slash + 1, rest.size())));
  if (bucket.empty()) return bad_address(text, "no bucket named");
  if (!is_bucket_name(bucket)) {
    return bad_address(text, "\"" + std::string(bucket) +
                                 "\" is not a bucket name (3 to 63 lower-case letters, digits, dots and hyphens)");
  }
  if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
  if (prefix.size() > 901) return bad_address(text, "the prefix is too long: an object's key has 1,024 bytes at most");
  return S3Address{.bucket = std::string(bucket), .prefix = std::move(prefix)};
}

Result<ObjectAddress> parse_folder(std::string_view text) {
  std::string_view path = text.substr(kFile.size());
  // "file:///path" is the same as "file:/path"; a host would stand between the second and the third slash.
  if (path.starts_with("///")) {
    path.remove_prefix(2);
  } else if (path.starts_with("//")) {
    return bad_address(text, "a folder of another machine cannot be reached");
  }
  if (path.empty()) return bad_address(text, "no folder named");
  if (path == "~" || path.starts_with("~/")) {
    return bad_address(text, "the shell has left the \"~\" as it is: write file:$HOME" + std::string(path.substr(1)));
  }
  if (path.find('\0') != std::string_view::npos) return bad_address(text, "the path holds a NUL byte");
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return FolderAddress{.path = std::string(path)};
}

}  // namespace

Result<ObjectAddress> parse_object_address(std::string_view text) {
  if (text.empty()) return bad_address(text, "no address given");
  if (text.starts_with(kS3)) return parse_s3(text);
  if (text.starts_with(kFile)) return parse_folder(text);
  if (text.starts_with("https://") || text.starts_with("http://")) return by_own_name(text, read_bucket_url(text));
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return bad_address(text, "it does not say what it is");
  return bad_address(text, "\"" + std::string(text.substr(0, colon)) + ":\" is not supported");
}

std::string display(const ObjectAddress& address) {
  if (const auto* folder = std::get_if<FolderAddress>(&address)) return std::string(kFile) + folder->path;
  const auto& s3 = std::get<S3Address>(address);
  const std::string& bucket = s3.access_point_arn.empty() ? s3.bucket : s3.access_point_arn;
  if (s3.prefix.empty()) return std::string(kS3) + bucket;
  return std::string(kS3) + bucket + without_closing_slash("/" + s3.prefix);
}

std::string without_closing_slash(std::string path) {
  if (path.ends_with('/') && !path.ends_with("//")) path.pop_back();
  return path;
}

}  // namespace dynamirror::objects
