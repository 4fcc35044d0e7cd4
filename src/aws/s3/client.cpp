// SPDX-License-Identifier: Apache-2.0
#include "aws/s3/client.hpp"

#include <charconv>
#include <utility>

#include "aws/content_hash.hpp"
#include "aws/impl/percent_encoding.hpp"
#include "aws/impl/time_formats.hpp"
#include "aws/impl/xml.hpp"
#include "aws/s3/errors.hpp"

namespace dynamirror::aws {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kSlowestBytesPerSecond = 128u << 10;  ///< a connection below this counts as stuck
constexpr std::size_t kMaxErrorBytes = 256u << 10;
constexpr std::size_t kMaxListingBytes = 32u << 20;  ///< 1,000 keys of 1,024 bytes, each of which may become %XX
/// "Processing of a CompleteMultipartUpload request could take several minutes to finalize" (API reference).
constexpr seconds kCompletionTimeout{300};

http::SendOptions send_options(std::uint64_t bytes, std::size_t max_response_bytes) {
  const auto transfer = seconds(bytes / kSlowestBytesPerSecond);
  return {.request_timeout = std::chrono::duration_cast<milliseconds>(seconds(30) + transfer),
          .max_response_bytes = max_response_bytes};
}

/// Object keys are bytes in which only the slash stays as it is.
void append_key(std::string& target, std::string_view key) {
  for (;;) {
    const std::size_t slash = key.find('/');
    append_percent_encoded(target, key.substr(0, slash));
    if (slash == std::string_view::npos) return;
    target += '/';
    key.remove_prefix(slash + 1);
  }
}

void append_parameter(std::string& query, std::string_view name, std::string_view value) {
  if (!query.empty()) query += '&';
  query += name;
  query += '=';
  append_percent_encoded(query, value);
}

std::string range_header(const S3Client::Range& range) {
  return "bytes=" + std::to_string(range.first_byte) + "-" + (range.last_byte ? std::to_string(*range.last_byte) : "");
}

constexpr auto kReadNothing = [](http::Response&) -> Status { return {}; };

}  // namespace

struct S3Client::Call {
  std::string_view operation;
  std::string_view key;
  http::Request request;
  http::SendOptions send = send_options(0, kMaxErrorBytes);
  int status = 200;  ///< of a success
  /// Takes what it wants from a success. Errors need neither `doing` nor resource.
  FunctionRef<Status(http::Response&)> read = kReadNothing;

  /// A bucket with Object Lock takes no data without a checksum of its own: the hash in the signature does not count.
  /// Content-MD5, because servers that know no other checksum know this one.
  void take_body(std::string body) {
    if (std::string md5 = md5_base64(body); !md5.empty()) request.headers.emplace_back("content-md5", std::move(md5));
    send = send_options(body.size(), kMaxErrorBytes);
    request.body = std::move(body);
  }
};

S3Client::S3Client(Options options, http::Transport& transport, CredentialsProvider& credentials, const Clock& clock,
                   Random& random)
    : options_(std::move(options)),
      host_(options_.endpoint),
      caller_(SignedCaller::Options{.region = options_.region, .service = "s3", .retry = options_.retry}, transport,
              credentials, clock, random) {
  if (!options_.path_style) host_.host = options_.bucket + "." + host_.host;
}

std::string S3Client::describe(std::string_view key) const {
  return "s3://" + options_.bucket + (key.empty() ? "" : "/") + std::string(key);
}

http::Request S3Client::make_request(std::string method, std::string_view key, std::string_view query) const {
  http::Request request{.endpoint = host_, .method = std::move(method)};
  if (options_.path_style) {
    request.target += options_.bucket;
    if (!key.empty()) request.target += '/';
  }
  append_key(request.target, key);
  if (!query.empty()) request.target.append("?").append(query);
  return request;
}

void S3Client::add_object_headers(http::Headers& headers, const ContentKind& kind) const {
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) headers.emplace_back(name, value);
  };
  add("content-type", kind.type);
  add("content-encoding", kind.encoding);
  add("x-amz-server-side-encryption", options_.settings.sse);
  add("x-amz-server-side-encryption-aws-kms-key-id", options_.settings.kms_key_id);
  add("x-amz-storage-class", options_.settings.storage_class);
  add("x-amz-acl", options_.settings.acl);
}

async::Task<Result<http::Response>> S3Client::call(Call& call) {
  const std::string resource = describe(call.key);
  const auto judge = [&](http::Response& response) -> Status {
    if (response.status != call.status) {
      return std::unexpected(classify_s3_error(response, words_of(call.operation), resource, options_.region));
    }
    Status read = call.read(response);
    if (!read) {
      read.error().doing = words_of(call.operation);
      read.error().resource = resource;
      read.error().http_status = response.status;
      if (read.error().request_id.empty()) {
        read.error().request_id = std::string(response.header("x-amz-request-id").value_or(""));
      }
    }
    return read;
  };
  const SignedCaller::Call signed_call{
      .operation = call.operation, .resource = resource, .request = call.request, .accept = judge, .send = call.send};
  co_return co_await caller_.call(signed_call);
}

async::Task<Result<std::string>> S3Client::get_object(std::string key, const GetObject& options) {
  std::string query;
  if (!options.version_id.empty()) append_parameter(query, "versionId", options.version_id);
  Call call{.operation = "GetObject", .key = key, .request = make_request("GET", key, query)};
  std::uint64_t wanted = kMaxGetBytes;
  if (options.range) {
    call.request.headers.emplace_back("range", range_header(*options.range));
    call.status = 206;
    if (options.range->last_byte) wanted = *options.range->last_byte - options.range->first_byte + 1;
  }
  call.send = send_options(wanted, static_cast<std::size_t>(wanted) + kMaxErrorBytes);
  auto response = co_await this->call(call);
  if (!response) co_return std::unexpected(std::move(response.error()));
  co_return std::move(response->body);
}

async::Task<Result<S3Object>> S3Client::try_head(const std::string& key) {
  S3Object object{.key = key};
  const auto read = [&](http::Response& response) -> Status {
    const auto size = response.header("content-length").value_or("");
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), object.size_bytes);
    const auto modified = parse_http_date(response.header("last-modified").value_or(""));
    if (size.empty() || error != std::errc{} || end != size.data() + size.size() || !modified) {
      return failure(ErrorClass::kTransient, "", "", "the answer lacks Content-Length or Last-Modified");
    }
    object.modified = *modified;
    object.etag = std::string(response.header("etag").value_or(""));
    return {};
  };
  Call call{.operation = "HeadObject", .key = key, .request = make_request("HEAD", key, ""), .read = read};
  auto response = co_await this->call(call);
  if (!response) co_return std::unexpected(std::move(response.error()));
  co_return object;
}

async::Task<Result<S3Object>> S3Client::head_object(std::string key) {
  auto object = co_await try_head(key);
  const bool unexplained = !object && object.error().http_status != 404 && lacks_reason(object.error());
  if (!unexplained) co_return object;
  // An answer to HEAD has no body: why it is refused (expired credentials, a wrong clock, no permission) is only told
  // to a GET, which also repairs what can be repaired.
  GetObject first_byte;
  first_byte.range = Range{.first_byte = 0, .last_byte = 0};
  const auto got = co_await get_object(key, first_byte);
  if (!got && got.error().http_status != 416) {  // 416: an empty object has no first byte
    Error error = got.error();
    error.doing = words_of("HeadObject");
    co_return std::unexpected(std::move(error));
  }
  co_return co_await try_head(key);
}

async::Task<Status> S3Client::put_object(std::string key, std::string body, const ContentKind& kind,
                                         SteadyTime not_after) {
  Call call{.operation = "PutObject", .key = key, .request = make_request("PUT", key, "")};
  add_object_headers(call.request.headers, kind);
  call.take_body(std::move(body));
  call.send.not_after = not_after;
  const auto response = co_await this->call(call);
  if (!response) co_return std::unexpected(response.error());
  co_return Status{};
}

async::Task<Status> S3Client::delete_object(std::string key, SteadyTime not_after) {
  Call call{.operation = "DeleteObject", .key = key, .request = make_request("DELETE", key, ""), .status = 204};
  call.send.not_after = not_after;
  const auto response = co_await this->call(call);
  // S3 answers 204 for what is not there, other servers 404. A bucket that is not there is a mistake.
  const bool absent = !response && response.error().http_status == 404 && response.error().code != "NoSuchBucket";
  if (!response && !absent) co_return std::unexpected(response.error());
  co_return Status{};
}

async::Task<Result<S3ObjectsPage>> S3Client::list_objects(std::string prefix, std::string continuation_token) {
  std::string query = "list-type=2&encoding-type=url";
  if (!continuation_token.empty()) append_parameter(query, "continuation-token", continuation_token);
  if (!prefix.empty()) append_parameter(query, "prefix", prefix);
  S3ObjectsPage page;
  const auto read = [&](http::Response& response) -> Status {
    auto parsed = parse_list_objects(response.body);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    page = std::move(*parsed);
    return {};
  };
  Call call{.operation = "ListObjectsV2", .key = {}, .request = make_request("GET", "", query), .read = read};
  call.send.max_response_bytes = kMaxListingBytes;
  auto response = co_await this->call(call);
  if (!response) co_return std::unexpected(std::move(response.error()));
  co_return page;
}

async::Task<Result<S3VersionsPage>> S3Client::list_object_versions(std::string prefix, const S3VersionsPosition& from) {
  std::string query = "versions=&encoding-type=url";
  if (!from.key_marker.empty()) append_parameter(query, "key-marker", from.key_marker);
  if (!prefix.empty()) append_parameter(query, "prefix", prefix);
  if (!from.version_id_marker.empty()) append_parameter(query, "version-id-marker", from.version_id_marker);
  S3VersionsPage page;
  const auto read = [&](http::Response& response) -> Status {
    auto parsed = parse_list_versions(response.body);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    page = std::move(*parsed);
    return {};
  };
  Call call{.operation = "ListObjectVersions", .key = {}, .request = make_request("GET", "", query), .read = read};
  call.send.max_response_bytes = kMaxListingBytes;
  auto response = co_await this->call(call);
  if (!response) co_return std::unexpected(std::move(response.error()));
  co_return page;
}

async::Task<Result<std::string>> S3Client::create_multipart_upload(std::string key, const ContentKind& kind) {
  std::string upload_id;
  const auto read = [&](http::Response& response) -> Status {
    auto parsed = parse_create_multipart_upload(response.body);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    upload_id = std::move(*parsed);
    return {};
  };
  Call call{
      .operation = "CreateMultipartUpload", .key = key, .request = make_request("POST", key, "uploads="), .read = read};
  add_object_headers(call.request.headers, kind);
  auto response = co_await this->call(call);
  if (!response) co_return std::unexpected(std::move(response.error()));
  co_return upload_id;
}

async::Task<Result<std::string>> S3Client::upload_part(std::string key, std::string upload_id, int number,
                                                       std::string body) {
  std::string query = "partNumber=" + std::to_string(number);
  append_parameter(query, "uploadId", upload_id);
  std::string etag;
  const auto read = [&](http::Response& response) -> Status {
    etag = std::string(response.header("etag").value_or(""));
    if (etag.empty()) return failure(ErrorClass::kTransient, "", "", "the answer has no ETag");
    return {};
  };
  Call call{.operation = "UploadPart", .key = key, .request = make_request("PUT", key, query), .read = read};
  call.take_body(std::move(body));
  auto response = co_await this->call(call);
  if (!response) co_return std::unexpected(std::move(response.error()));
  co_return etag;
}

async::Task<Status> S3Client::complete_multipart_upload(std::string key, const Completion& completion) {
  std::string query;
  append_parameter(query, "uploadId", completion.upload_id);
  // S3 sends its 200 before the work is done, and may have to report a failure in the body.
  const auto read = [&](http::Response& response) -> Status {
    const auto document = XmlDocument::parse(response.body);
    if (document && document->text("CompleteMultipartUploadResult")) return {};
    if (document && document->text("CompleteMultipartUploadResponse")) return {};  // so moto calls it
    if (!document) return failure(ErrorClass::kTransient, "", "", "the answer is not XML");
    http::Response failed{.status = 500, .headers = response.headers, .body = response.body};
    return std::unexpected(classify_s3_error(failed, "", "", options_.region));
  };
  Call call{
      .operation = "CompleteMultipartUpload", .key = key, .request = make_request("POST", key, query), .read = read};
  call.request.headers.emplace_back("content-type", "application/xml");
  call.request.body = complete_multipart_upload_body(completion.parts);
  call.send.request_timeout = kCompletionTimeout;
  const auto response = co_await this->call(call);
  if (response) co_return Status{};
  if (response.error().code == "NoSuchUpload") {
    const bool completed = co_await was_completed(key, completion);
    if (completed) co_return Status{};
  }
  co_return std::unexpected(response.error());
}

/// The ETag of an object made of parts ends in their number.
async::Task<bool> S3Client::was_completed(const std::string& key, const Completion& completion) {
  const auto object = co_await head_object(key);
  co_return object && object->size_bytes == completion.size_bytes &&
      object->etag.ends_with("-" + std::to_string(completion.parts.size()) + "\"");
}

async::Task<Status> S3Client::abort_multipart_upload(std::string key, std::string upload_id) {
  std::string query;
  append_parameter(query, "uploadId", upload_id);
  Call call{
      .operation = "AbortMultipartUpload", .key = key, .request = make_request("DELETE", key, query), .status = 204};
  const auto response = co_await this->call(call);
  if (!response && response.error().http_status != 404) co_return std::unexpected(response.error());
  co_return Status{};
}

}  // namespace dynamirror::aws
