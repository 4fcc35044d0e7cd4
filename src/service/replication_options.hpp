// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "aws/credentials/make_credentials.hpp"
#include "base/clock.hpp"
#include "jobs/prepare/preflight.hpp"
#include "jobs/replication/replicate_options.hpp"
#include "multimaster/record.hpp"
#include "objects/open_store.hpp"
#include "service/lease_options.hpp"
#include "service/state_files.hpp"

namespace dynamirror::service {

/// A table as the user names it, and as whom it is reached.
struct TableOptions {
  std::string address{};
  std::string region{};  ///< empty: the address says it
  aws::SideOptions side{};
};

/// A place of objects: one for every item of the source.
struct ObjectsOptions {
  std::string url{};
  objects::StoreOptions store{};
};

/// A stream of Kinesis that tells the changes of the source, in place of its own stream: keys that an application has
/// put there after each write (dyno), or the feed of the service itself.
struct ChangesOptions {
  std::string address{};  ///< empty: the source's own stream
  aws::SideOptions side{};
  bool images = false;                   ///< write the feed's images, guarded, in place of reading every item by key
  bool enable = false;                   ///< turn the feed on for the source
  std::optional<WallTime> start_time{};  ///< begin there without a checkpoint, in place of the oldest record
  std::optional<int> records_a_read{};   ///< most of one read of a shard; nothing: as many as the job reads at once
  std::optional<std::chrono::milliseconds> between_reads{};  ///< of one shard, at least; nothing: as the service allows
  [[nodiscard]] bool wanted() const { return !address.empty(); }
};

/// Source and target are both written by applications, and the newest write wins in both: see docs/multi-master.md.
/// This replication gives the source's writes their versions, and brings them to the target; another one does it the
/// other way round.
struct MultiMasterOptions {
  bool wanted = false;
  multimaster::Topology topology = multimaster::Topology::kMesh;
  std::string source_origin{};  ///< the table's name in versions, the same in every process; empty: derived
  std::string target_origin{};
  std::chrono::hours tombstones_kept{7 * 24};
  bool adopt = false;                    ///< give the items that are there a version, and bring them to the target
  std::chrono::seconds adopt_after{20};  ///< since an item was read: the stream's records of before have been seen then
  std::int64_t adopt_rank = 1;           ///< of two adopted items that differ the one of the higher rank wins
};

/// Bringing what the source holds into the target before its changes.
struct LoadOptions {
  bool wanted = false;
  std::string spool{};  ///< folder of the spool; empty: none
};

/// What a replication is of, in plain values.
struct ReplicationOptions {
  std::string name{};  ///< in every log line of the replication; empty: none
  TableOptions source{};
  std::variant<TableOptions, ObjectsOptions> target{};
  ChangesOptions changes{};
  /// The changes are old, and the replica may be written by a running replication, too: read both tables by their keys,
  /// and write only where they differ. Nothing is remembered unless `files.state` names a file.
  bool replay = false;
  /// Tag what is written and leave out what began in the target, as the circular replicator does
  /// (transform::CircularTags).
  bool tags = false;
  MultiMasterOptions multi_master{};
  std::optional<double> max_write_units{};  ///< per second, of a table
  std::optional<double> max_read_units{};   ///< per second: of the load, and of reading changed items by key
  jobs::PreflightOptions preflight{};       ///< `dry_run` is that of the whole replication
  jobs::ReplicateOptions job{};
  bool start_given = false;  ///< `job.start` is what the user said
  bool overwrite = false;    ///< begin although the target holds items
  LoadOptions load{};
  StateFileOptions files{};  ///< with leases, the dead letters alone; `dry_run` is set from `preflight`
  LeaseOptions leases{};     ///< when wanted: shards are shared with other workers, and there is no state file
  bool cloudwatch = true;    ///< with leases: metrics under the names of KCL and awslabs' tool
};

}  // namespace dynamirror::service
