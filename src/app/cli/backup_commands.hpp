// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/options/command_line.hpp"
#include "app/options/lease_options.hpp"
#include "objects/open_store.hpp"

namespace dynamirror::app {

/// `backup-table TABLE S3URL`
struct BackupTableCommand {
  std::string table;
  std::string url;
  std::string job_id;  ///< empty: 16 random hex digits
  std::uint32_t segment = 0;
  std::uint32_t segments = 0;  ///< 0: not said; see app/work_share.hpp
  std::uint32_t split = 16;
  bool consistent = false;
  bool plain = false;  ///< --compression none
  bool dry_run = false;
  std::optional<double> max_read_units;
  std::string metric;  ///< CloudWatch namespace; empty: none
  LeaseOptions leases;
  std::uint32_t lease_segments = 64;
  aws::SideOptions table_side;
  objects::StoreOptions store;
  bool old_words = false;  ///< called by its old name: prints what scripts of the old tool read
  CommonOptions common;
};

/// `incremental-backup TABLE S3URL`
struct IncrementalBackupCommand {
  std::string table;
  std::string url;
  jobs::PreflightOptions preflight;
  jobs::ReplicateOptions job;
  bool start_given = false;  ///< `job.start` is what the user wrote
  std::string state_file;
  std::string dead_letter_file;
  std::optional<double> max_read_units{};  ///< of items whose keys alone the stream tells
  aws::SideOptions table_side;
  objects::StoreOptions store;
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
  bool create_target = false;
  bool overwrite = false;
  bool dry_run = false;
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

[[nodiscard]] jobs::ExitCode run_backup_table(const BackupTableCommand& command);
[[nodiscard]] jobs::ExitCode run_incremental_backup(const IncrementalBackupCommand& command);
[[nodiscard]] jobs::ExitCode run_backfill(const BackfillCommand& command);
[[nodiscard]] jobs::ExitCode run_snapshot(const SnapshotCommand& command);
[[nodiscard]] jobs::ExitCode run_incremental_diff_record(const RecordCommand& command);
[[nodiscard]] jobs::ExitCode run_incremental_backup_record(const RecordCommand& command);
[[nodiscard]] jobs::ExitCode run_record_history(const RecordCommand& command);
[[nodiscard]] jobs::ExitCode run_restore_table(const RestoreTableCommand& command);
[[nodiscard]] jobs::ExitCode run_restore_record(const RestoreRecordCommand& command);

}  // namespace dynamirror::app
