// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dynamirror::support {

/// What the records are.
enum class CannedForm {
  kStream,       ///< of DynamoDB Streams, with images
  kKinesisKeys,  ///< of Kinesis, as dyno puts them: keys alone
  kKinesisFeed,  ///< of Kinesis, as DynamoDB puts them: with images, times in microseconds
};

struct CannedPagesOptions {
  CannedForm form = CannedForm::kStream;
  std::uint64_t seed = 1;
  std::size_t shards = 1;  ///< the pages are dealt to them, and the keys, too
  std::size_t pages = 100;
  std::size_t records_per_page = 1000;
  std::size_t image_bytes = 600;  ///< JSON text of each image, about
  std::size_t keys = 0;           ///< distinct keys; 0: every record has its own
  std::size_t repeats = 1;        ///< with keys = 0: records of each key, about, all of them in one page
  double remove_share = 0;        ///< of the records
  bool inserts = true;            ///< a record that is the only one of its key says INSERT; false: MODIFY
  bool old_images = false;        ///< NEW_AND_OLD_IMAGES instead of NEW_IMAGE
};

/// Pages of a stream as GetRecords answers them, made once and kept in memory. Same options: same bytes. The table has
/// the key "id" of type S. Sequence numbers grow over all pages. Immutable.
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
  /// What the table holds under any key: the item's text after the key's members, from the comma to the closing brace.
  [[nodiscard]] std::string_view item_after_key() const { return item_after_key_; }

  /// The first page of a shard; of the one behind the last shard: `size()`.
  [[nodiscard]] std::size_t first_page(std::size_t shard) const { return shard * pages_.size() / options_.shards; }
  /// The page that holds the first record after this sequence number (one of ours).
  [[nodiscard]] std::size_t page_after(std::string_view sequence_number) const;

 private:
  struct Stored {
    std::string records;
    std::uint32_t crc = 0;
  };
  CannedPagesOptions options_;
  std::vector<Stored> pages_;
  std::string item_after_key_;
  Stored empty_;
};

}  // namespace dynamirror::support
