// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever an error answer's body holds, classifying it ends in a bounded, printable error.
// Method: the first byte picks the status, so that all ways of reading are reached.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "aws/credentials/impl/credentials_json.hpp"
#include "aws/errors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr int kStatuses[] = {400, 403, 404, 407, 429, 500, 503};
  dynamirror::http::Response response;
  response.status = kStatuses[data[0] % std::size(kStatuses)];
  response.body.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] & 0x80) response.headers.emplace_back("x-amzn-errortype", response.body.substr(0, 300));

  // Credentials come as JSON from outside, too.
  (void)dynamirror::aws::parse_credentials_json(response.body, "read", "here");

  const auto error = dynamirror::aws::classify_error(response, "put item", "eu-west-1/Orders");
  if (error.code.empty() || error.code.size() > 140 || error.message.size() > 1200) std::abort();
  for (const char c : error.code + error.message + error.request_id) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) std::abort();
  }
  (void)dynamirror::aws::is_clock_skew(error);
  return 0;
}
