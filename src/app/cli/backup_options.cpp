// SPDX-License-Identifier: Apache-2.0
// The command lines of everything that has objects at one end.
#include "app/cli/backup_commands.hpp"
#include "app/cli/replicate_command.hpp"
#include "app/options/options.hpp"

namespace dynamirror::app {
namespace {

constexpr const char* kUrlHelp =
    "s3://bucket/prefix, https://bucket.s3.REGION.amazonaws.com/prefix, or file:/folder; the dump is below it under "
    "its job id";
constexpr const char* kItemsUrlHelp =
    "s3://bucket/prefix, https://bucket.s3.REGION.amazonaws.com/prefix, or file:/folder, without the table's name: the "
    "objects are at S3URL/TABLE/";
constexpr const char* kKeyHelp = R"(the record's key, {"id":{"S":"abc"}} or {"id":"abc"})";

void add_store_option(CLI::App& app, const char* name, std::string& value, const char* help, const char* unit) {
  app.add_option(name, value, help)->option_text(unit)->group("Access to the objects");
}

void add_store(CLI::App& app, objects::StoreOptions& store) {
  add_store_access(app, store);
  add_store_option(app, "--sse", store.sse, "server-side encryption: AES256 or aws:kms", "KIND");
  add_store_option(app, "--kms-key-id", store.kms_key_id, "key for aws:kms", "ID");
  add_store_option(app, "--storage-class", store.storage_class, "e.g. STANDARD_IA", "CLASS");
  add_store_option(app, "--acl", store.acl, "e.g. bucket-owner-full-control", "ACL");
}

void add_share(CLI::App& app, std::uint32_t& segment, std::uint32_t& segments, const std::string& of_what = "table") {
  auto* number = app.add_option("--segment", segment, "which share of the " + of_what + " this process takes, from 0")
                     ->option_text("I");
  auto* count =
      app.add_option("--segments", segments,
                     "how many processes share the " + of_what + " (default: of the batch system's environment, or 1)")
          ->check(CLI::Range(1, 1'000'000))
          ->option_text("N");
  number->needs(count);
  count->needs(number);
}

void add_dry_run(CLI::App& app, bool& dry_run) {
  app.add_flag("--dry-run", dry_run, "say what would be done, and write nothing");
}

void add_compression(CLI::App& app, bool& plain) {
  add_choice<bool>(app, "--compression", plain, {{"gzip", false}, {"none", true}}, "gzip (default) or none", "KIND");
}

/// With leases, the lease table says which segments are whose.
void add_backup_leases(CLI::App& app, BackupTableCommand& command) {
  add_job_leases(app, command.leases);
  CLI::Option* table = app.get_option("--lease-table");
  app.add_option("--lease-segments", command.lease_segments,
                 "segments, each an object, into which the whole table is cut, for all workers together: the first "
                 "one says (64)")
      ->check(CLI::Range(1, 10'000))
      ->option_text("N")
      ->group("Leases")
      ->needs(table);
  for (const char* other : {"--segment", "--segments", "--join-segments", "--split"})
    table->excludes(app.get_option(other));
}

void add_backup_table(CLI::App& parent, Run& chosen) {
  auto command = std::make_shared<BackupTableCommand>();
  CLI::App& app = *parent.add_subcommand("backup-table", "dump a whole table into an object");
  app.add_option("TABLE", command->table, kTableHelp)->required();
  app.add_option("S3URL", command->url, kUrlHelp)->required();
  app.add_option("--jobid", command->job_id, "names the dump (default: 16 random hex digits)")->option_text("ID");
  add_share(app, command->segment, command->segments);
  app.add_option("--join-segments", command->join_segments,
                 "read nothing: make one manifest of those of the N segments of --jobid")
      ->check(CLI::Range(1, 1'000'000))
      ->option_text("N")
      ->needs(app.get_option("--jobid"))
      ->excludes(app.get_option("--segment"));
  app.add_option("--split", command->split, "parallel scan segments of this process (16)")
      ->check(CLI::Range(1, 4'096))
      ->option_text("N");
  app.add_flag("--consistent", command->consistent, "read consistently, at twice the units");
  add_units(app, "--max-read-units", command->max_read_units,
            "hard budget of read units consumed per second, by this process");
  add_compression(app, command->plain);
  add_backup_leases(app, *command);
  app.add_option("--metric", command->metric, "CloudWatch namespace for BackupSize, BackupRecordCount, BackupErrors")
      ->option_text("NAMESPACE");
  add_dry_run(app, command->dry_run);
  add_store(app, command->store);
  add_side(app, "source", command->table_side);
  add_old_words(app, command->old_words);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run_backup_table);
}

void add_incremental_backup(CLI::App& parent, Run& chosen) {
  auto command = std::make_shared<ReplicateCommand>();
  service::ReplicationOptions& options = command->replication;
  auto& target = options.target.emplace<service::ObjectsOptions>();
  CLI::App& app = *parent.add_subcommand("incremental-backup", "keep an object for every item, continuously");
  app.add_option("TABLE", options.source.address, kTableHelp)->required();
  app.add_option("S3URL", target.url, kItemsUrlHelp)->required();
  app.add_flag("--enable-stream", options.preflight.enable_stream, "turn the table's stream on when it has none");
  app.add_flag("--stop-when-caught-up", options.job.stop_when_caught_up, "end when the backup equals the table");
  add_start(app, options, " when there are objects of the table");
  add_replication(app, options);
  add_units(app, "--max-read-units", options.max_read_units,
            "hard budget of read units per second, of reading changed items where their keys alone are told");
  add_changes(app, options.changes);
  add_dry_run(app, options.preflight.dry_run);
  add_store(app, target.store);
  add_stream_side(app, "source", options.source.side);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run_replicate);
}

void add_backfill(CLI::App& parent, Run& chosen) {
  auto command = std::make_shared<BackfillCommand>();
  CLI::App& app = *parent.add_subcommand("incremental-backfill", "write an object for every item there is now");
  app.add_option("TABLE", command->table, kTableHelp)->required();
  app.add_option("S3URL", command->url, kItemsUrlHelp)->required();
  add_share(app, command->segment, command->segments);
  app.add_flag("--no-recheck", command->no_recheck,
               "do not read each item again; only safe while nothing else writes the objects");
  add_units(app, "--max-read-units", command->max_read_units, "hard budget of the scan's read units per second");
  add_dry_run(app, command->dry_run);
  add_store(app, command->store);
  add_side(app, "source", command->table_side);
  add_old_words(app, command->old_words);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run_backfill);
}

void add_snapshot(CLI::App& parent, Run& chosen) {
  auto command = std::make_shared<SnapshotCommand>();
  CLI::App& app = *parent.add_subcommand("incremental-snapshot", "join the objects of an incremental backup into one");
  app.add_option("S3SOURCE", command->source, "s3://bucket/prefix/table, with the table's name")->required();
  app.add_option("S3DEST", command->target, "s3://bucket/key of the snapshot")->required();
  add_compression(app, command->plain);
  app.add_option("--metric", command->metric, "CloudWatch metrics as REGION/NAMESPACE/TABLE")->option_text("NAME");
  app.add_option("--logger", command->log_file, "append the result to this file, too")->option_text("FILE");
  app.add_flag("--allow-empty", command->allow_empty, "write the snapshot also when there is no item to join");
  app.add_option("--retries", command->retries, "accepted for old scripts; reads are always retried")->option_text("N");
  add_dry_run(app, command->dry_run);
  add_store(app, command->store);
  add_old_words(app, command->old_words);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run_snapshot);
}

void add_record(CLI::App& parent, Run& chosen, const char* name, const char* help,
                ExitCode (*run)(const RecordCommand&)) {
  auto command = std::make_shared<RecordCommand>();
  CLI::App& app = *parent.add_subcommand(name, help);
  app.add_option("TABLE", command->table, kTableHelp)->required();
  app.add_option("S3URL", command->url, kItemsUrlHelp)->required();
  app.add_option("KEY", command->key, kKeyHelp)->required();
  add_dry_run(app, command->dry_run);
  add_store(app, command->store);
  add_side(app, "source", command->table_side);
  add_old_words(app, command->old_words);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run);
}

void add_restore_table(CLI::App& parent, Run& chosen) {
  auto command = std::make_shared<RestoreTableCommand>();
  CLI::App& app = *parent.add_subcommand("restore-table",
                                         "write a dump, snapshot, incremental backup or DynamoDB export into a table");
  app.add_option("S3URL", command->url,
                 "the one dump (with its job id), snapshot, incremental folder (with the table's name) or export")
      ->required();
  app.add_option("TARGET", command->target, kTableHelp)->required();
  app.add_option("--as-of", command->as_of, "incremental backups: the state at this moment (2026-01-31T12:00:00Z)")
      ->option_text("TIME");
  add_share(app, command->segment, command->segments, "backup");
  app.add_flag("--create-target", command->create_target, "make the target from the description saved with the backup");
  app.add_flag("--overwrite", command->overwrite, "write into a table that is not empty");
  app.add_option("--dead-letter", command->dead_letter_file,
                 "set items that the target refuses aside in this file (default: the first ends the restore)")
      ->option_text("FILE");
  add_units(app, "--max-write-units", command->max_write_units,
            "hard budget of write units consumed per second, by this process");
  add_dry_run(app, command->dry_run);
  app.add_flag("--prepare-only", command->prepare_only,
               "make the target if asked, check it and the backup, and end: before several processes share the restore")
      ->excludes(app.get_option("--dry-run"));
  add_store(app, command->store);
  add_side(app, "target", command->target_side);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run_restore_table);
}

void add_restore_record(CLI::App& parent, Run& chosen) {
  auto command = std::make_shared<RestoreRecordCommand>();
  CLI::App& app = *parent.add_subcommand("restore-record", "bring one record back to what it was at a moment");
  app.add_option("S3URL", command->url, "s3://bucket/prefix/table of an incremental backup, with the table's name")
      ->required();
  app.add_option("TARGET", command->target, kTableHelp)->required();
  app.add_option("KEY", command->key, kKeyHelp)->required();
  app.add_option("--as-of", command->as_of, "the moment (default: the newest state)")->option_text("TIME");
  app.add_flag("--yes", command->yes, "write without asking");
  add_dry_run(app, command->dry_run);
  add_store(app, command->store);
  add_side(app, "target", command->target_side);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run_restore_record);
}

}  // namespace

void add_store_access(CLI::App& app, objects::StoreOptions& store) {
  const auto add = [&](const char* name, std::string& value, const char* help, const char* unit) {
    add_store_option(app, name, value, help, unit);
  };
  add("--s3-endpoint", store.endpoint, "an S3-compatible server (also AWS_ENDPOINT_URL_S3)", "URL");
  add("--s3-region", store.region, "the bucket's region (default: of the environment or profile)", "REGION");
  add("--s3-profile", store.side.profile, "profile of the AWS configuration files", "NAME");
  add("--s3-role-arn", store.side.role_arn, "role to assume (STS AssumeRole)", "ARN");
  add("--s3-external-id", store.side.external_id, "external id for that role", "ID");
}

void add_backup_commands(CLI::App& app, Run& chosen) {
  add_backup_table(app, chosen);
  add_incremental_backup(app, chosen);
  add_backfill(app, chosen);
  add_snapshot(app, chosen);
  add_record(app, chosen, "incremental-diff-record", "compare one record with its object", run_incremental_diff_record);
  add_record(app, chosen, "incremental-backup-record", "write the object of one record", run_incremental_backup_record);
  add_record(app, chosen, "incremental-record-history", "all states of one record, newest first", run_record_history);
  add_restore_table(app, chosen);
  add_restore_record(app, chosen);
}

}  // namespace dynamirror::app
