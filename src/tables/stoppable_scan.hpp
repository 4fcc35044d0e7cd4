// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "async/stop_request.hpp"
#include "source/table_scan.hpp"

namespace dynamirror::jobs {

/// Runs a whole scan, or as much of it as comes before a stop is requested: whatever it waits for then, a page, a
/// budget, a pause or its receiver, is cancelled. Errors: those of the scan; after a stop, that of
/// `StopRequest::check`. What is referred to outlives the task.
[[nodiscard]] async::Task<Status> scan_until_stopped(source::TableScan& scan, source::PageReceiver& receiver,
                                                     StopRequest& stop, std::string doing, std::string resource);

}  // namespace dynamirror::jobs
