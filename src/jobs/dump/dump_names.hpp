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

/// Errors: class conflict when the name is that of another table's dump, which would be overwritten. A new dump may
/// take the place of an older one of the same table.
[[nodiscard]] async::Task<Status> check_dump_name(objects::ObjectStore& store, DumpNames names,
                                                  aws::TableSettings settings);

/// From now on the dump of this name is this one, unfinished: writes the description of its table (so that it can be
/// told from one of mapbox's, which has none), and removes what says that this share of an older dump is complete, and
/// all that an older one with another number of shares says: a restore must not put the two together.
[[nodiscard]] async::Task<Status> begin_dump(objects::ObjectStore& store, DumpNames names, aws::TableSettings settings);

/// The latter alone.
[[nodiscard]] async::Task<Status> remove_old_manifests(objects::ObjectStore& store, DumpNames names);

}  // namespace dynamirror::jobs
