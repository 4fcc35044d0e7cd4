// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever a server that is taken for S3 answers, reading it ends in values that keep their promises or in an
// error that names no more than it must.
// Method: the first byte picks the status of an error answer; the rest is the body, read in every way that we have.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#include "aws/impl/xml.hpp"
#include "aws/s3/answers.hpp"
#include "aws/s3/errors.hpp"

namespace dynamirror::aws {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

template <class Value>
bool read(const Result<Value>& result) {
  // What S3 has not written is a matter of the way: such answers are asked for again.
  require(result || (result.error().error_class == ErrorClass::kTransient && !result.error().message.empty()));
  return result.has_value();
}

void read_answers(std::string_view body) {
  if (const auto page = parse_list_objects(body); read(page)) {
    for (const S3Object& object : page->objects) require(object.key.size() <= body.size());
  }
  if (const auto page = parse_list_versions(body); read(page)) {
    for (const S3Version& version : page->versions) require(!version.version_id.empty());
    require(page->truncated || (page->next.key_marker.empty() && page->next.version_id_marker.empty()));
  }
  if (const auto id = parse_create_multipart_upload(body); read(id)) require(!id->empty());
}

/// An ETag goes back to S3 as text: it stays the text that it was.
void write_completion(const std::string& etag) {
  const auto written = XmlDocument::parse(complete_multipart_upload_body({{.number = 1, .etag = etag}}));
  if (etag.find_first_not_of("\"abcdef0123456789<>&-") == std::string::npos) {
    require(written && written->text("CompleteMultipartUpload/Part/ETag").value_or("") == etag);
  }
}

void read_error(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  const Error error = classify_s3_error(response, "put object", "s3://bucket/key", Region("eu-west-1"));
  require(!error.code.empty() || lacks_reason(error));
  for (const char c : error.code + error.message) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
}

}  // namespace
}  // namespace dynamirror::aws

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr int kStatuses[] = {301, 400, 403, 404, 409, 412, 500, 503};
  const std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  dynamirror::aws::read_answers(body);
  dynamirror::aws::write_completion(body);
  dynamirror::aws::read_error(kStatuses[data[0] % std::size(kStatuses)], body);
  return 0;
}
