// SPDX-License-Identifier: Apache-2.0
#include "app/session/store_session.hpp"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <thread>

namespace dynamirror::app {

namespace {

/// The same for a bucket's URL: its last part is percent-encoded.
Result<ObjectPlace> split_url(std::string_view url) {
  const auto address = objects::parse_object_address(url);
  if (!address) return std::unexpected(address.error());
  const std::string& prefix = std::get<objects::S3Address>(*address).prefix;
  if (prefix.empty()) return failure(ErrorClass::kInvalid, "read address", std::string(url), "it names no object");
  return ObjectPlace{std::string(url.substr(0, url.rfind('/'))), prefix.substr(prefix.rfind('/') + 1)};
}

}  // namespace

Result<ObjectPlace> split_place(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  const bool s3 = url.starts_with("s3://");
  if (url.starts_with("https://") || url.starts_with("http://")) return split_url(url);
  const std::size_t begin = s3 ? 5 : url.starts_with("file:") ? 5 : 0;
  const std::size_t slash = url.rfind('/');
  const bool has_name = slash != std::string_view::npos && slash + 1 < url.size() && slash >= begin;
  if (!has_name || (s3 && slash == begin)) {
    return failure(ErrorClass::kInvalid, "read address", std::string(url),
                   "it names no object or folder; write it as s3://bucket/prefix/name or file:/folder/name");
  }
  // With its slash, since "s3://bucket/a/" before "/b" is another folder than "s3://bucket/a".
  return ObjectPlace{std::string(url.substr(0, slash + 1)), std::string(url.substr(slash + 1))};
}

Result<std::unique_ptr<objects::ObjectStore>> open_store(Session& session, const std::string& url,
                                                         objects::StoreOptions options) {
  auto address = objects::parse_object_address(url);
  if (!address) return std::unexpected(std::move(address.error()));
  return session.open_store(*address, std::move(options));
}

Result<WallTime> parse_moment(const std::string& text) {
  const auto wrong = [&] {
    return failure(ErrorClass::kInvalid, "read time", text, "write it as 2026-01-31T12:00:00Z");
  };
  std::tm fields{};
  const char* const format = text.find('T') == std::string::npos ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M:%S";
  const char* const end_of_time = strptime(text.c_str(), format, &fields);
  if (end_of_time == nullptr) return wrong();
  std::string rest(end_of_time);
  double fraction = 0;
  if (rest.starts_with('.')) {
    const std::size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    fraction = std::strtod(("0" + rest.substr(0, end)).c_str(), nullptr);
    rest.erase(0, end);
  }
  long offset_minutes = 0;
  if (rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':') {
    const long minutes =
        std::strtol(rest.substr(1, 2).c_str(), nullptr, 10) * 60 + std::strtol(rest.substr(4, 2).c_str(), nullptr, 10);
    offset_minutes = rest[0] == '+' ? minutes : -minutes;
  } else if (!rest.empty() && rest != "Z") {
    return wrong();
  }
  const std::time_t seconds = timegm(&fields);
  return WallTime(std::chrono::duration_cast<WallTime::duration>(
      std::chrono::seconds(seconds) - std::chrono::minutes(offset_minutes) + std::chrono::duration<double>(fraction)));
}

std::size_t cpu_threads() { return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 8); }

}  // namespace dynamirror::app
