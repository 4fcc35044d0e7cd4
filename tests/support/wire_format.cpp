// SPDX-License-Identifier: Apache-2.0
#include "support/wire_format.hpp"

#include <charconv>
#include <ctime>
#include <set>

#include "base/text.hpp"

namespace dynamirror::support {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 413:
      return "Payload Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

bool is_header_name(std::string_view name) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  if (name.empty()) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && kOther.find(c) == std::string_view::npos) return false;
  }
  return true;
}

ParsedHead refused(int status, std::string problem) {
  ParsedHead head;
  head.status = status;
  head.problem = std::move(problem);
  return head;
}

/// Splits off the text before `separator`, which is dropped, too.
std::string_view take_until(std::string_view& text, std::string_view separator) {
  const std::size_t end = text.find(separator);
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + separator.size());
  return taken;
}

}  // namespace

std::optional<std::string_view> find_header(const WireHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string http_date(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

bool parse_header_lines(std::string_view lines, WireHeaders& headers) {
  while (!lines.empty()) {
    std::string_view line = take_until(lines, "\r\n");
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_header_name(line.substr(0, colon))) return false;
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    headers.emplace_back(to_lower(line.substr(0, colon)), value);
  }
  return true;
}

ParsedHead parse_request_head(std::string_view text) {
  ParsedHead head;
  std::string_view request_line = take_until(text, "\r\n");
  head.request.method = take_until(request_line, " ");
  head.request.target = take_until(request_line, " ");
  if (request_line != "HTTP/1.1" || head.request.method.empty() || head.request.target.empty()) {
    return refused(400, "bad request line");
  }
  if (!parse_header_lines(text, head.request.headers)) return refused(400, "bad header line");

  std::set<std::string_view> seen;
  for (const auto& [name, value] : head.request.headers) {
    if (!seen.insert(name).second) return refused(400, "repeated header " + name);
  }
  if (!seen.contains("host")) return refused(400, "no host header");
  if (seen.contains("transfer-encoding")) return refused(501, "transfer-encoding is not accepted");

  const auto length = find_header(head.request.headers, "content-length");
  if (!length) {
    if (head.request.method == "POST" || head.request.method == "PUT") return refused(411, "no content-length");
    return head;
  }
  const auto [end, error] = std::from_chars(length->data(), length->data() + length->size(), head.content_length);
  if (error != std::errc{} || end != length->data() + length->size()) return refused(400, "bad content-length");
  return head;
}

std::string format_reply_head(const WireReply& reply) {
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  head.append(reason_of(reply.status)).append("\r\n");
  for (const auto& [name, value] : reply.headers) head.append(name).append(": ").append(value).append("\r\n");
  if (!find_header(reply.headers, "date"))
    head.append("date: ").append(http_date(system_clock().wall_now())).append("\r\n");
  head.append("content-length: ").append(std::to_string(reply.body.size())).append("\r\n\r\n");
  return head;
}

}  // namespace dynamirror::support
