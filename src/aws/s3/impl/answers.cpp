// SPDX-License-Identifier: Apache-2.0
#include "aws/s3/answers.hpp"

#include <charconv>
#include <pugixml.hpp>
#include <utility>

#include "aws/impl/percent_encoding.hpp"
#include "base/iso_time.hpp"

namespace dynamirror::aws {
namespace {

std::unexpected<Error> unreadable(std::string what) {
  return failure(ErrorClass::kTransient, "read answer", "", "the answer is not what S3 sends: " + std::move(what));
}

/// The root element of a document, if it is the one wanted. Namespaces are ignored: servers differ in them.
Result<pugi::xml_node> root_of(pugi::xml_document& document, std::string_view body, const char* name) {
  if (body.find("<!DOCTYPE") != std::string_view::npos) return unreadable("it has a DOCTYPE");
  const auto parsed = document.load_buffer(body.data(), body.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) return unreadable("it is not XML");
  const pugi::xml_node root = document.child(name);
  if (!root) return unreadable(std::string("it has no ") + name);
  return root;
}

std::string text_of(pugi::xml_node parent, const char* name) { return parent.child(name).text().get(); }
bool is_true(pugi::xml_node parent, const char* name) { return text_of(parent, name) == "true"; }

/// What an entry of either listing has.
struct Entry {
  std::string key;
  std::uint64_t size_bytes = 0;
  WallTime modified{};
};

Result<Entry> read_entry(pugi::xml_node node, bool url_encoded, bool has_size) {
  Entry entry;
  const std::string key = text_of(node, "Key");
  if (key.empty()) return unreadable("an entry has no Key");
  entry.key = url_encoded ? decode_form(key) : key;
  // Versions of one second are told apart by its fraction.
  const auto modified = parse_iso_time(text_of(node, "LastModified"));
  if (!modified) return unreadable("LastModified of " + entry.key + " is no time");
  entry.modified = *modified;
  if (!has_size) return entry;
  const std::string size = text_of(node, "Size");
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), entry.size_bytes);
  if (size.empty() || error != std::errc{} || end != size.data() + size.size()) {
    return unreadable("Size of " + entry.key + " is no number");
  }
  return entry;
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
}

}  // namespace

Result<S3ObjectsPage> parse_list_objects(std::string_view body) {
  pugi::xml_document document;
  const auto root = root_of(document, body, "ListBucketResult");
  if (!root) return std::unexpected(root.error());
  const bool url_encoded = text_of(*root, "EncodingType") == "url";
  S3ObjectsPage page;
  for (const pugi::xml_node node : root->children("Contents")) {
    auto entry = read_entry(node, url_encoded, true);
    if (!entry) return std::unexpected(std::move(entry.error()));
    page.objects.push_back(
        {.key = std::move(entry->key), .size_bytes = entry->size_bytes, .modified = entry->modified});
  }
  if (!is_true(*root, "IsTruncated")) return page;
  page.continuation_token = text_of(*root, "NextContinuationToken");
  if (page.continuation_token.empty()) return unreadable("it is truncated, but has no NextContinuationToken");
  return page;
}

Result<S3VersionsPage> parse_list_versions(std::string_view body) {
  pugi::xml_document document;
  const auto root = root_of(document, body, "ListVersionsResult");
  if (!root) return std::unexpected(root.error());
  const bool url_encoded = text_of(*root, "EncodingType") == "url";
  S3VersionsPage page;
  for (const pugi::xml_node node : root->children()) {
    const bool is_delete_marker = std::string_view(node.name()) == "DeleteMarker";
    if (!is_delete_marker && std::string_view(node.name()) != "Version") continue;
    auto entry = read_entry(node, url_encoded, !is_delete_marker);
    if (!entry) return std::unexpected(std::move(entry.error()));
    page.versions.push_back({.key = std::move(entry->key),
                             .version_id = text_of(node, "VersionId"),
                             .is_latest = is_true(node, "IsLatest"),
                             .is_delete_marker = is_delete_marker,
                             .size_bytes = entry->size_bytes,
                             .modified = entry->modified});
  }
  page.truncated = is_true(*root, "IsTruncated");
  if (!page.truncated) return page;
  const std::string key_marker = text_of(*root, "NextKeyMarker");
  if (key_marker.empty()) return unreadable("it is truncated, but has no NextKeyMarker");
  page.next.key_marker = url_encoded ? decode_form(key_marker) : key_marker;
  page.next.version_id_marker = text_of(*root, "NextVersionIdMarker");
  return page;
}

Result<std::string> parse_create_multipart_upload(std::string_view body) {
  pugi::xml_document document;
  const auto root = root_of(document, body, "InitiateMultipartUploadResult");
  if (!root) return std::unexpected(root.error());
  std::string id = text_of(*root, "UploadId");
  if (id.empty()) return unreadable("it has no UploadId");
  return id;
}

std::string complete_multipart_upload_body(const std::vector<S3Part>& parts) {
  std::string body = R"(<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)";
  for (const S3Part& part : parts) {
    body += "<Part><PartNumber>" + std::to_string(part.number) + "</PartNumber><ETag>";
    append_escaped(body, part.etag);
    body += "</ETag></Part>";
  }
  body += "</CompleteMultipartUpload>";
  return body;
}

}  // namespace dynamirror::aws
