// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "json/reader.hpp"
#include "model/change.hpp"
#include "model/key.hpp"
#include "model/unreadable_record.hpp"

namespace dynamirror::aws {

/// What one GetRecords answered.
struct RecordsPage {
  std::vector<model::Change> changes;  ///< in the order of the shard
  /// In the same order, between the changes; never of DynamoDB Streams, whose records are the service's own.
  std::vector<model::UnreadableRecord> unreadable{};
  std::optional<std::string> next_iterator;  ///< nothing: the shard is closed and this was its last page
  std::size_t bytes = 0;                     ///< of the answer's body; of Kinesis: of the records' data
  bool behind = false;                       ///< more follows in the shard, says the service; of Kinesis only
};

struct RecordsOptions {
  bool old_images = false;  ///< `Change::old_image` is wanted, where the stream has it
};

/// Reads the body of a GetRecords answer. The hot path of replication: keys are brought into canonical form (see
/// model::KeyCanonicalizer), images are copied byte for byte (but for DynamoDB Local's empty maps, see bare_maps.hpp),
/// everything else is skipped. Members may come in any order, and unknown ones are ignored. `body` is borrowed and not
/// changed; reserve json::Reader::kPadding bytes more than its size to avoid a copy.
///
/// ApproximateCreationDateTime may be in seconds or in milliseconds. A record without it, or with an impossible one,
/// gets the epoch: it only tells the lag.
///
/// A stream of the view type KEYS_ONLY or OLD_IMAGE tells of an INSERT or MODIFY the key alone: its changes are
/// `Change::of_key`.
///
/// Errors, all of class fatal because a page that we do not understand must stop the shard rather than lose a change:
/// no JSON or no page (e.g. without Records: without this check an empty object would read as the end of the shard);
/// an event of an unknown name; a key that is not of the schema; an INSERT or MODIFY without NewImage in a
/// stream that has them; a member that we use given twice. Each names the record by its sequence number where that is
/// known.
[[nodiscard]] Result<RecordsPage> parse_records_page(std::string& body, const model::KeySchema& schema,
                                                     json::Reader& reader, RecordsOptions options = {});

/// Whether a stream of this view type, in the service's words, tells what items have become.
[[nodiscard]] constexpr bool has_new_images(std::string_view view_type) {
  return view_type != "KEYS_ONLY" && view_type != "OLD_IMAGE";
}

}  // namespace dynamirror::aws
