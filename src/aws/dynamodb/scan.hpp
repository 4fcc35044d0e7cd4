// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "json/reader.hpp"

namespace dynamirror::aws {

/// One page of one segment.
struct ScanOptions {
  std::uint32_t segment = 0;
  std::uint32_t segments = 1;
  std::string_view start_key_json{};  ///< the page before's `last_key_json`; empty: from the segment's start
  int limit = 0;                      ///< items looked at; 0: as many as 1 MB holds
  bool consistent = false;
  SteadyTime not_after = kNoDeadline;  ///< neither sent nor waited for after this
};

/// The items of one page, as spans of the answer, which the page owns. Movable, not copyable.
class ScanPage {
 public:
  /// Errors: class fatal when the answer is not what the service documents.
  [[nodiscard]] static Result<ScanPage> parse(std::string body, json::Reader& reader);

  ScanPage(ScanPage&&) noexcept = default;
  ScanPage& operator=(ScanPage&&) noexcept = default;

  [[nodiscard]] std::size_t size() const { return spans_.size(); }
  /// Item number `i` as wire-form JSON, byte for byte as the service sent it. Lives as long as the page.
  [[nodiscard]] std::string_view item(std::size_t i) const {
    return std::string_view(body_).substr(spans_[i].first, spans_[i].second);
  }
  /// LastEvaluatedKey; empty: the segment has been read to its end.
  [[nodiscard]] const std::string& last_key_json() const { return last_key_json_; }
  [[nodiscard]] double consumed_units() const { return consumed_units_; }
  [[nodiscard]] std::size_t bytes() const { return body_.size(); }

 private:
  ScanPage() = default;

  std::string body_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> spans_;  ///< offset and length of each item in `body_`
  std::string last_key_json_;
  double consumed_units_ = 0;
};

/// The body of a Scan request.
[[nodiscard]] std::string scan_body(const TableName& table, const ScanOptions& options);

}  // namespace dynamirror::aws
