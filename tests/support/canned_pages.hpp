// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dynamirror::support {

struct CannedPagesOptions {
  std::uint64_t seed = 1;
  std::size_t pages = 100;
  std::size_t records_per_page = 1000;
  std::size_t image_bytes = 600;  ///< JSON text of each image, about
  std::size_t keys = 0;           ///< distinct keys; 0: every record has its own
  double remove_share = 0;        ///< of the records
  bool old_images = false;        ///< NEW_AND_OLD_IMAGES instead of NEW_IMAGE
};

/// Stream pages as GetRecords answers them, made once and kept in memory. Same options: same bytes. The table has the
/// key "id" of type S. Sequence numbers grow over all pages. Immutable.
class CannedPages {
 public:
  explicit CannedPages(const CannedPagesOptions& options);

  /// The answer's beginning, `{"Records":[…]`; an empty array beyond the last page.
  struct Page {
    std::string_view records;
    std::uint32_t crc = 0;  ///< of `records`
  };
  [[nodiscard]] Page page(std::size_t index) const;
  [[nodiscard]] std::size_t size() const { return pages_.size(); }
  [[nodiscard]] std::size_t record_count() const { return pages_.size() * options_.records_per_page; }
  [[nodiscard]] const CannedPagesOptions& options() const { return options_; }

  /// The page that holds the first record after this sequence number (one of ours).
  [[nodiscard]] std::size_t page_after(std::string_view sequence_number) const;

 private:
  struct Stored {
    std::string records;
    std::uint32_t crc = 0;
  };
  CannedPagesOptions options_;
  std::vector<Stored> pages_;
  Stored empty_;
};

}  // namespace dynamirror::support
