// SPDX-License-Identifier: Apache-2.0
#include "aws/signing/signer.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>
#include <string_view>
#include <utility>

#include "aws/signing/impl/canonical_request.hpp"
#include "aws/signing/impl/sha256.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
constexpr std::size_t kDateSize = 8;  // "20150830" of "20150830T123600Z"

/// "20150830T123600Z"; written by hand because it is made for every request.
std::array<char, 16> timestamp(WallTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - days));
  std::array<char, 16> text;
  const auto put = [&text](std::size_t offset, unsigned value, std::size_t digits) {
    for (std::size_t i = digits; i-- > 0; value /= 10) text[offset + i] = static_cast<char>('0' + value % 10);
  };
  put(0, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  put(4, static_cast<unsigned>(date.month()), 2);
  put(6, static_cast<unsigned>(date.day()), 2);
  text[8] = 'T';
  put(9, static_cast<unsigned>(clock.hours().count()), 2);
  put(11, static_cast<unsigned>(clock.minutes().count()), 2);
  put(13, static_cast<unsigned>(clock.seconds().count()), 2);
  text[15] = 'Z';
  return text;
}

void set_header(http::Headers& headers, std::string_view name, std::string value) {
  const auto header =
      std::find_if(headers.begin(), headers.end(), [&](const auto& header) { return header.first == name; });
  if (header != headers.end()) {
    header->second = std::move(value);
  } else {
    headers.emplace_back(name, std::move(value));
  }
}

std::string_view as_text(const Digest& digest) { return {reinterpret_cast<const char*>(digest.data()), digest.size()}; }

}  // namespace

struct Signer::Impl {
  struct DayKey {
    std::string date;
    Secret secret_access_key;
    HmacSha256 hmac;
  };

  explicit Impl(Options given) : options(std::move(given)) {}

  /// Four HMACs deep and good for a whole day: derived again only when the date or the secret changes.
  HmacSha256& signing_key(std::string_view date, const Secret& secret) {
    if (!day_key || day_key->date != date || day_key->secret_access_key != secret) {
      const Digest of_date = HmacSha256("AWS4" + secret.reveal())(date);
      const Digest of_region = HmacSha256(as_text(of_date))(options.region);
      const Digest of_service = HmacSha256(as_text(of_region))(options.service);
      const Digest key = HmacSha256(as_text(of_service))("aws4_request");
      day_key.emplace(DayKey{std::string(date), secret, HmacSha256(as_text(key))});
    }
    return day_key->hmac;
  }

  const Options options;
  const bool is_s3 = options.service == "s3";
  Sha256 sha256;
  std::optional<DayKey> day_key;
  // Buffers kept between requests, so that signing does not allocate for them.
  std::string canonical_request;
  std::string signed_headers;
  std::string string_to_sign;
};

Signer::Signer(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Signer::~Signer() = default;
Signer::Signer(Signer&&) noexcept = default;
Signer& Signer::operator=(Signer&&) noexcept = default;

void Signer::sign(http::Request& request, const Credentials& credentials, WallTime time, Payload payload) {
  Impl& impl = *impl_;
  assert(payload == Payload::kSigned || impl.is_s3);

  std::string payload_hash;
  if (payload == Payload::kUnsigned) {
    payload_hash = kUnsignedPayload;
  } else {
    append_hex(payload_hash, impl.sha256(request.body));
  }
  const std::array<char, 16> stamp = timestamp(time);
  const std::string_view stamp_text(stamp.data(), stamp.size());
  const std::string_view date = stamp_text.substr(0, kDateSize);

  set_header(request.headers, "x-amz-date", std::string(stamp_text));
  if (credentials.session_token.empty()) {
    std::erase_if(request.headers, [](const auto& header) { return header.first == "x-amz-security-token"; });
  } else {
    set_header(request.headers, "x-amz-security-token", credentials.session_token.reveal());
  }
  if (impl.is_s3) set_header(request.headers, "x-amz-content-sha256", payload_hash);

  impl.canonical_request.clear();
  impl.signed_headers.clear();
  append_canonical_request(impl.canonical_request, impl.signed_headers, request,
                           impl.is_s3 ? CanonicalRules::kS3 : CanonicalRules::kGeneral, payload_hash);

  std::string& to_sign = impl.string_to_sign;
  to_sign.assign(kAlgorithm).append("\n").append(stamp_text).append("\n");
  const std::size_t scope_begin = to_sign.size();
  to_sign.append(date).append("/").append(impl.options.region).append("/").append(impl.options.service);
  to_sign.append("/aws4_request");
  const std::string scope = to_sign.substr(scope_begin);
  to_sign.append("\n");
  append_hex(to_sign, impl.sha256(impl.canonical_request));

  std::string authorization;
  authorization.reserve(256);
  authorization.append(kAlgorithm).append(" Credential=").append(credentials.access_key_id).append("/").append(scope);
  authorization.append(", SignedHeaders=").append(impl.signed_headers).append(", Signature=");
  append_hex(authorization, impl.signing_key(date, credentials.secret_access_key)(to_sign));
  set_header(request.headers, "authorization", std::move(authorization));
}

}  // namespace dynamirror::aws
