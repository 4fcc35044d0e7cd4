// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/options/command_line.hpp"
#include "objects/open_store.hpp"
#include "service/lease_options.hpp"

namespace dynamirror::app {

/// `backup-table TABLE S3URL`
struct BackupTableCommand {
  std::string table;
  std::string url;
  std::string job_id;  ///< empty: 16 random hex digits
  std::uint32_t segment = 0;
  std::uint32_t segments = 0;       ///< 0: not said; see app/work_share.hpp
  std::uint32_t join_segments = 0;  ///< above 0: only joins the manifests of so many segments
  std::uint32_t split = 16;
  bool consistent = false;
  bool plain = false;  ///< --compression none
  bool dry_run = false;
  std::optional<double> max_read_units;
  std::string metric;  ///< CloudWatch namespace; empty: none
  service::LeaseOptions leases;
  std::uint32_t lease_segments = 64;
  aws::SideOptions table_side;
  objects::StoreOptions store;
  bool old_words = false;  ///< called by its old name: prints what scripts of the old tool read
  CommonOptions common;
};

/// `incremental-backfill TABLE S3URL`
struct BackfillCommand {
  std::string table;
  std::string url;
  std::uint32_t segment = 0;
  std::uint32_t segments = 0;
  bool no_recheck = false;
  bool dry_run = false;
  std::optional<double> max_read_units;
  aws::SideOptions table_side;
  objects::StoreOptions store;
  bool old_words = false;  ///< called by its old name: prints what scripts of the old tool read
  CommonOptions common;
};

/// `incremental-snapshot S3SOURCE S3DEST`
struct SnapshotCommand {
  std::string source;
  std::string target;
  std::string metric;  ///< REGION/NAMESPACE/TABLE; empty: none
  std::string log_file;
  int retries = 0;  ///< taken and not needed: every read is retried
  bool allow_empty = false;
  bool plain = false;
  bool dry_run = false;
  objects::StoreOptions store;
  bool old_words = false;  ///< called by its old name: prints what scripts of the old tool read
  CommonOptions common;
};

/// `incremental-diff-record`, `incremental-backup-record`, `incremental-record-history`: TABLE S3URL KEY
struct RecordCommand {
  std::string table;
  std::string url;
  std::string key;
  bool dry_run = false;
  aws::SideOptions table_side;
  objects::StoreOptions store;
  bool old_words = false;  ///< called by its old name: prints what scripts of the old tool read
  CommonOptions common;
};

/// `restore-table S3URL TARGET`
struct RestoreTableCommand {
  std::string url;
  std::string target;
  std::string as_of;
  std::uint32_t segment = 0;
  std::uint32_t segments = 0;  ///< 0: not said; see app/work_share.hpp
  bool create_target = false;
  bool overwrite = false;
  bool dry_run = false;
  bool prepare_only = false;     ///< makes and checks the target: the step before several processes share the restore
  std::string dead_letter_file;  ///< empty: the first item refused ends the restore
  std::optional<double> max_write_units;
  aws::SideOptions target_side;
  objects::StoreOptions store;
  CommonOptions common;
};

/// `restore-record S3URL TARGET KEY`
struct RestoreRecordCommand {
  std::string url;
  std::string target;
  std::string key;
  std::string as_of;
  bool yes = false;
  bool dry_run = false;
  aws::SideOptions target_side;
  objects::StoreOptions store;
  CommonOptions common;
};

[[nodiscard]] ExitCode run_backup_table(const BackupTableCommand& command);
[[nodiscard]] ExitCode run_backfill(const BackfillCommand& command);
[[nodiscard]] ExitCode run_snapshot(const SnapshotCommand& command);
[[nodiscard]] ExitCode run_incremental_diff_record(const RecordCommand& command);
[[nodiscard]] ExitCode run_incremental_backup_record(const RecordCommand& command);
[[nodiscard]] ExitCode run_record_history(const RecordCommand& command);
[[nodiscard]] ExitCode run_restore_table(const RestoreTableCommand& command);
[[nodiscard]] ExitCode run_restore_record(const RestoreRecordCommand& command);

}  // namespace dynamirror::app
