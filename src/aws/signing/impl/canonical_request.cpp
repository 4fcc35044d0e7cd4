// SPDX-License-Identifier: Apache-2.0
#include "aws/signing/impl/canonical_request.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "aws/impl/percent_encoding.hpp"

namespace dynamirror::aws {
namespace {

std::optional<unsigned> hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

/// A per-cent sign that starts no escape stands for itself.
std::string decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto high = hex_value(text[i + 1]);
      const auto low = hex_value(text[i + 2]);
      if (high && low) {
        out += static_cast<char>(*high << 4 | *low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

/// Removes empty, "." and ".." segments (RFC 3986, 5.2.4); a slash at the end stays.
void append_normalised_path(std::string& out, std::string_view path) {
  std::vector<std::string_view> segments;
  std::size_t offset = 0;
  while (offset < path.size()) {
    const std::size_t end = std::min(path.find('/', offset), path.size());
    const std::string_view segment = path.substr(offset, end - offset);
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
    offset = end + 1;
  }
  for (const std::string_view segment : segments) {
    out += '/';
    append_percent_encoded(out, segment);
  }
  if (segments.empty() || path.ends_with('/')) out += '/';
}

void append_canonical_query(std::string& out, std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  std::size_t offset = 0;
  while (offset < query.size()) {
    const std::size_t end = std::min(query.find('&', offset), query.size());
    const std::string_view parameter = query.substr(offset, end - offset);
    offset = end + 1;
    if (parameter.empty()) continue;
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    auto& [name, value] = parameters.emplace_back();
    append_percent_encoded(name, decoded(parameter.substr(0, equals)));
    if (equals < parameter.size()) append_percent_encoded(value, decoded(parameter.substr(equals + 1)));
  }
  // The order is that of the encoded names, then values.
  std::sort(parameters.begin(), parameters.end());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (i > 0) out += '&';
    out += parameters[i].first;
    out += '=';
    out += parameters[i].second;
  }
}

/// Without spaces at either end, and with each run of spaces made one.
void append_header_value(std::string& out, std::string_view value) {
  bool space_pending = false;
  bool started = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t') {
      space_pending = started;
      continue;
    }
    if (space_pending) out += ' ';
    space_pending = false;
    started = true;
    out += c;
  }
}

/// Names of headers that a hop on the way may add or change: signing them would break the signature.
bool is_unsigned(std::string_view name) {
  return name == "authorization" || name == "user-agent" || name == "x-amzn-trace-id" || name == "connection" ||
         name == "expect" || name == "transfer-encoding" || name == "host";
}

}  // namespace

void append_canonical_request(std::string& out, std::string& signed_headers, const http::Request& request,
                              CanonicalRules rules, std::string_view payload_hash) {
  const std::string_view target = request.target;
  const std::size_t question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, question);

  out += request.method;
  out += '\n';
  if (path == "/" || path.empty()) {
    out += '/';
  } else if (rules == CanonicalRules::kS3) {
    out += path;
  } else {
    append_normalised_path(out, path);
  }
  out += '\n';
  if (question < target.size()) append_canonical_query(out, target.substr(question + 1));
  out += '\n';

  const std::string authority = request.endpoint.authority();
  using Header = std::pair<std::string_view, std::string_view>;
  std::vector<Header> headers;
  headers.reserve(request.headers.size() + 1);
  headers.emplace_back("host", authority);
  for (const auto& [name, value] : request.headers) {
    if (is_unsigned(name)) continue;
    // Behind its equals, because the values of a repeated header are joined in the order they are sent.
    const auto place =
        std::upper_bound(headers.begin(), headers.end(), std::string_view(name),
                         [](std::string_view wanted, const Header& header) { return wanted < header.first; });
    headers.emplace(place, name, value);
  }
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const bool repeated = i > 0 && headers[i].first == headers[i - 1].first;
    if (repeated) {
      out.back() = ',';
    } else {
      out += headers[i].first;
      out += ':';
      if (i > 0) signed_headers += ';';
      signed_headers += headers[i].first;
    }
    append_header_value(out, headers[i].second);
    out += '\n';
  }
  out += '\n';
  out += signed_headers;
  out += '\n';
  out += payload_hash;
}

}  // namespace dynamirror::aws
