// SPDX-License-Identifier: Apache-2.0
#include "aws/s3/errors.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "aws/errors.hpp"
#include "aws/impl/xml.hpp"

namespace dynamirror::aws {
namespace {

bool is_one_of(std::string_view code, const auto& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// The same request is worth another attempt: it was cut or changed on its way, or met another one.
constexpr std::array<std::string_view, 5> kPassing{"IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch",
                                                   "OperationAborted", "RequestTimeout"};
constexpr std::array<std::string_view, 4> kElsewhere{
    "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"};

/// The region of the bucket as the answer tells it; empty when it does not.
std::string bucket_region(const http::Response& response) {
  if (const auto region = response.header("x-amz-bucket-region")) return std::string(*region);
  const auto document = XmlDocument::parse(response.body);
  return document ? document->text("Error/Region").value_or("") : "";
}

bool is_of_another_region(const Error& error) {
  return is_one_of(error.code, kElsewhere) || error.http_status == 301 || error.http_status == 307;
}

}  // namespace

Error classify_s3_error(const http::Response& response, std::string doing, std::string resource, const Region& region) {
  Error error = classify_error(response, std::move(doing), std::move(resource));
  const bool bodiless_refusal = response.status == 400 && lacks_reason(error);
  if (is_of_another_region(error) || bodiless_refusal) {
    const std::string theirs = bucket_region(response);
    if (!theirs.empty() && theirs != region.str()) {
      classify(error, ErrorClass::kInvalid);
      error.message =
          "the bucket is in region " + theirs + ", not in " + region.str() + "; name " + theirs + " as its region";
      return error;
    }
    if (is_of_another_region(error)) {
      classify(error, ErrorClass::kInvalid);
      error.message += (error.message.empty() ? "" : "; ") +
                       ("the bucket is not in region " + region.str() + " or not at this endpoint: name the right one");
      return error;
    }
  }
  if (response.status == 503 || error.code.find("Throttl") != std::string::npos) {
    classify(error, ErrorClass::kThrottled);
  } else if (is_one_of(error.code, kPassing)) {
    classify(error, ErrorClass::kTransient);
  } else if (error.code == "NoSuchBucket") {
    error.message = "there is no such bucket; check its name, and that it is at this endpoint, or create it first";
  } else if (response.status == 404 && lacks_reason(error)) {
    error.message = "there is no such object";
  }
  return error;
}

bool lacks_reason(const Error& error) {
  return error.message.empty() && error.code == "HTTP" + std::to_string(error.http_status);
}

}  // namespace dynamirror::aws
