// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "aws/kinesis/record.hpp"
#include "aws/streams/records_page.hpp"
#include "base/error.hpp"
#include "json/reader.hpp"

namespace dynamirror::aws {

/// Reads the body of a GetRecords answer of Kinesis: takes aggregated records apart (see `records_within`), and makes
/// changes of all of them. A record that is no change of the table is in `unreadable`, so that one mistake of a
/// producer does not stop the shard. `body` is borrowed; reserve json::Reader::kPadding bytes more than its size to
/// avoid a copy. REQUIRES: `reader` is not the one that `records` uses.
///
/// Errors, all of class fatal: no JSON or no page (e.g. without Records: without this check an empty object would read
/// as the end of the shard); a record without sequence number or base64 data; a member that we use given twice.
[[nodiscard]] Result<RecordsPage> parse_kinesis_page(std::string& body, KinesisRecordReader& records,
                                                     json::Reader& reader);

}  // namespace dynamirror::aws
