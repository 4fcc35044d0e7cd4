// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "async/task.hpp"
#include "aws/dynamodb/table_settings.hpp"
#include "objects/object_store.hpp"

namespace dynamirror::jobs {

/// Where the parts of a dump stand, relative to the address that the user gave.
struct DumpNames {
  std::string job_id;
  std::uint32_t share = 0;
  std::uint32_t shares = 1;

  /// `<jobid>/<segment>`: one JSON item a line, as mapbox's backup-table writes it. Nothing else stands in that folder.
  [[nodiscard]] std::string data() const { return job_id + "/" + std::to_string(share); }
  /// `<jobid>.table.json`: what DescribeTable said.
  [[nodiscard]] std::string table() const { return job_id + ".table.json"; }
  /// `<jobid>.manifest.json`, or `<jobid>.manifest-<segment>-of-<segments>.json`. Written last: a dump without the
  /// manifests of all its segments is incomplete.
  [[nodiscard]] std::string manifest() const;
};

/// Writes the description of the dump's table, before anything else of it: so a dump that was not finished can be told
/// from one of mapbox's, which has no description. A new dump may take the place of an older one of the same table.
/// Errors: class conflict when the name is that of another table's dump, which would be overwritten.
[[nodiscard]] async::Task<Status> claim_dump(objects::ObjectStore& store, DumpNames names, aws::TableSettings settings);

/// Removes what says that this share of an older dump of the same name is complete, and all that an older dump with
/// another number of shares says: a restore must not put the two together.
[[nodiscard]] async::Task<Status> remove_old_manifests(objects::ObjectStore& store, DumpNames names);

}  // namespace dynamirror::jobs
