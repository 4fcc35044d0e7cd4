// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "support/stream_log.hpp"

namespace dynamirror::support {

/// Appends a record as GetRecords shows it. Two spellings, by turns: members in another order and the time as
/// 1.7637E9 or as an integer, because JSON promises neither and clients came to rely on both.
void append_record(std::string& out, const StreamRecord& record, std::string_view region, std::string_view view_type);

/// What the record counts towards the page limit of 1 MB.
[[nodiscard]] std::size_t record_bytes(const StreamRecord& record);

}  // namespace dynamirror::support
