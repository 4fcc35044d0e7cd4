// SPDX-License-Identifier: Apache-2.0
#include "support/sigv4.hpp"

#include <algorithm>

#include "support/digest.hpp"

namespace dynamirror::support {
namespace {

/// Trimmed, inner runs of spaces made one, as the canonical request wants it.
std::string canonical_value(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == ' ' && (text.empty() || text.back() == ' ')) continue;
    text += c;
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ";") + name;
  return text;
}

std::string scope_text(const SigningScope& scope) {
  return scope.date + "/" + scope.region + "/" + scope.service + "/aws4_request";
}

}  // namespace

std::string sigv4_signature(const WireRequest& request, const std::vector<std::string>& signed_headers,
                            const SigningScope& scope, const std::string& secret) {
  std::string canonical = request.method + "\n" + request.target + "\n\n";
  for (const std::string& name : signed_headers) {
    const auto value = find_header(request.headers, name).value_or("");
    canonical.append(name).append(":").append(canonical_value(value)).append("\n");
  }
  canonical += "\n" + joined(signed_headers) + "\n" + hex(sha256(request.body));

  const std::string date(*find_header(request.headers, "x-amz-date"));
  const std::string to_sign =
      std::string(kSigv4Algorithm) + "\n" + date + "\n" + scope_text(scope) + "\n" + hex(sha256(canonical));
  std::string key = "AWS4" + secret;
  for (const std::string& part : {scope.date, scope.region, scope.service, std::string("aws4_request")}) {
    key = hmac_sha256(key, part);
  }
  return hex(hmac_sha256(key, to_sign));
}

std::string sigv4_authorization(const WireRequest& request, const SigningScope& scope, const std::string& access_key_id,
                                const std::string& secret) {
  std::vector<std::string> names;
  for (const auto& [name, value] : request.headers) names.push_back(name);
  std::sort(names.begin(), names.end());
  return std::string(kSigv4Algorithm) + " Credential=" + access_key_id + "/" + scope_text(scope) +
         ", SignedHeaders=" + joined(names) + ", Signature=" + sigv4_signature(request, names, scope, secret);
}

}  // namespace dynamirror::support
