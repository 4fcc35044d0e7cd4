// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/canned_pages.hpp"

namespace dynamirror::support {

/// An answer in the pieces in which it is sent; `middle` is borrowed from the pages.
struct CannedAnswer {
  std::string head;
  std::string_view middle;
  std::string tail;
};

/// What the canned server says to each request, as bytes. Immutable after construction.
class CannedAnswers {
 public:
  CannedAnswers(const CannedPages& pages, std::string region);

  /// The whole answer to any write, head and body.
  [[nodiscard]] std::string_view to_write() const { return write_; }
  [[nodiscard]] std::string_view to_single_write() const { return single_write_; }
  [[nodiscard]] CannedAnswer to_get_records(std::string_view body) const;
  /// Every key of the request has an item. `keys` is raised by their number.
  [[nodiscard]] CannedAnswer to_batch_get(std::string_view body, std::uint64_t& keys) const;
  /// DescribeTable, DescribeStream, DescribeStreamSummary, ListShards, GetShardIterator; a Scan finds nothing; a 400
  /// for anything else.
  [[nodiscard]] CannedAnswer to_other(std::string_view lower_case_operation, std::string_view body) const;

 private:
  [[nodiscard]] std::string stream_arn(std::string_view table) const;
  [[nodiscard]] std::string describe_table(std::string_view table) const;
  [[nodiscard]] std::string describe_stream(std::string_view arn) const;
  [[nodiscard]] std::string describe_stream_summary(std::string_view stream) const;
  [[nodiscard]] std::string list_shards() const;
  [[nodiscard]] std::string iterator(std::string_view body) const;

  const CannedPages& pages_;
  std::string region_;
  std::string head_end_;  ///< the headers that never change
  std::string write_;
  std::string single_write_;
};

}  // namespace dynamirror::support
