// SPDX-License-Identifier: Apache-2.0
#include "app/cli/multilang_command.hpp"
#include "app/cli/replay_command.hpp"
#include "app/cli/replicate_command.hpp"
#include "app/cli/sync_command.hpp"
#include "app/options/options.hpp"

namespace dynamirror::app {
namespace {

constexpr const char* kReplicateExamples =
    "Examples:\n"
    "  dynamirror replicate eu-west-1/Orders us-east-1/Orders --create-target --enable-stream\n"
    "  dynamirror replicate eu-west-1/Orders us-east-1/Orders --changes-from kinesis:eu-west-1/orders-changes\n"
    "  dynamirror replicate eu-west-1/Orders us-east-1/Orders --changes-from kinesis:eu-west-1/orders-feed "
    "--use-images\n"
    "  dynamirror replicate eu-west-1/Orders us-east-1/Orders --changes-from kinesis:eu-west-1/orders-changes \\\n"
    "      --replay --start 2026-01-31T06:00:00Z --stop-when-caught-up\n"
    "Documentation: docs/replicate.md, docs/kinesis.md";

void add_load_options(CLI::App& app, service::ReplicationOptions& options) {
  auto* load = app.add_flag("--initial-load", options.load.wanted,
                            "copy the table first, and apply its stream from where it stood before");
  app.add_flag("--overwrite", options.overwrite, "begin without a checkpoint although the target holds items already");
  app.add_option("--spool", options.load.spool,
                 "read the stream while the load runs and keep its changes in this folder: for loads that outlive the "
                 "stream's 24 hours")
      ->option_text("DIR")
      ->needs(load);
  add_units(app, "--max-read-units", options.max_read_units,
            "hard budget of read units per second: of the load, and of reading changed items where their keys alone "
            "are told (KEYS_ONLY, OLD_IMAGE, --changes-from, --replay)");
}

void add_changes_options(CLI::App& app, service::ReplicationOptions& options) {
  add_changes(app, options.changes);
  auto* from = app.get_option("--changes-from");
  const std::string group = from->get_group();
  app.add_flag("--use-images", options.changes.images,
               "of the service's own feed: write its images, guarded by an attribute of each item (_repl_seen), in "
               "place of reading every changed item")
      ->needs(from)
      ->group(group);
  app.add_flag("--enable-changes", options.changes.enable,
               "turn on the source's own feed to the stream (Kinesis Data Streams for DynamoDB)")
      ->needs(from)
      ->group(group);
  app.add_flag("--replay", options.replay,
               "the changes are old: compare the items of both tables by their keys and write only where they differ; "
               "also beside a running replication. It keeps no state file unless --state names one");
}

/// With leases, the lease table holds the checkpoints; a table is copied beforehand, by any number of workers.
void keep_leases_apart(CLI::App& app) {
  for (const char* leases : {"--lease-table", "--task"}) {
    for (const char* other : {"--state", "--initial-load", "--dry-run", "--replay"})
      app.get_option(leases)->excludes(app.get_option(other));
  }
  app.get_option("--task")->excludes(app.get_option("--changes-from"));
}

void add_multi_master(CLI::App& app, service::MultiMasterOptions& options) {
  constexpr const char* kGroup = "Both tables written";
  auto* wanted = app.add_flag("--multi-master", options.wanted,
                              "applications write both tables, and the newest write wins in both: this process is for "
                              "the writes of SOURCE, another one replicates the other way; see docs/multi-master.md");
  wanted->group(kGroup);
  app.add_flag("--adopt", options.adopt,
               "first start: give the items of SOURCE that have no version one, and bring them to TARGET; the newer "
               "of two that differ is not known, so --adopt-rank decides")
      ->needs(wanted)
      ->group(kGroup);
  app.add_option("--adopt-rank", options.adopt_rank,
                 "of SOURCE's items among adopted ones that differ: the highest wins (default 1)")
      ->check(CLI::Range(0, 999))
      ->option_text("N")
      ->needs(wanted)
      ->group(kGroup);
  for (const auto& [name, origin] :
       {std::pair{"--source-origin", &options.source_origin}, std::pair{"--target-origin", &options.target_origin}}) {
    app.add_option(name, *origin,
                   "the table's name in versions, for one that processes reach under different addresses; the same in "
                   "each")
        ->option_text("NAME")
        ->needs(wanted)
        ->group(kGroup);
  }
}

void add_replicate_options(CLI::App& app, service::ReplicationOptions& options) {
  auto& target = std::get<service::TableOptions>(options.target);
  app.add_option("SOURCE", options.source.address, std::string("table to read changes of: ") + kTableHelp)->required();
  app.add_option("TARGET", target.address, "table to write them to")->required();
  app.add_flag("--create-target", options.preflight.create_target,
               "make the target from the source's description when it is not there");
  app.add_flag("--enable-stream", options.preflight.enable_stream, "turn the source's stream on when it has none");
  app.add_flag("--dry-run", options.preflight.dry_run, "read and report; write neither the target nor the state file");
  app.add_flag("--stop-when-caught-up", options.job.stop_when_caught_up, "end when the target equals the source");
  add_start(app, options, ", or --overwrite, when the target holds items");
  add_replication(app, options);
  add_choice<bool>(app, "--on-error", options.files.without_dead_letters, {{"dead-letter", false}, {"stop", true}},
                   "when the target refuses a change: dead-letter (default: set it aside) or stop");
  add_units(app, "--max-write-units", options.max_write_units, "hard budget of write units consumed per second");
  app.add_option_function<std::string>(
         "--max-record-age",
         [&options](const std::string& text) {
           const auto age = parse_duration(text);
           if (!age) throw CLI::ValidationError("--max-record-age", to_line(age.error()));
           options.job.max_record_age = std::chrono::duration_cast<std::chrono::seconds>(*age);
         },
         "leave out changes older than this (they are counted as filtered); not with --initial-load, which needs "
         "them all")
      ->option_text("DURATION");
  app.add_flag(
      "--tags", options.tags,
      "one of a circle of tables that replicate to one another, also by the circular replicator's functions: tag "
      "items with the table that they began in, and do not write them back to it; see docs/replicate.md");
  add_multi_master(app, options.multi_master);
  add_load_options(app, options);
  add_changes_options(app, options);
  add_leases(app, options.leases);
  app.add_flag("!--no-cloudwatch", options.cloudwatch, "send no metrics to CloudWatch")->group("Leases");
  keep_leases_apart(app);
  add_stream_side(app, "source", options.source.side);
  add_side(app, "target", target.side);
}

constexpr const char* kSyncExamples =
    "Examples:\n"
    "  dynamirror sync eu-west-1/Orders us-east-1/Orders\n"
    "  dynamirror sync eu-west-1/Orders us-east-1/Orders ap-southeast-2/Orders --topology ring\n"
    "  dynamirror sync eu-west-1/Orders us-east-1/Orders --adopt --prefer eu-west-1/Orders\n"
    "Documentation: docs/multi-master.md";

void add_sync_options(CLI::App& app, SyncCommand& command) {
  service::ReplicationOptions& flow = command.flow;
  app.add_option("TABLES", command.tables, std::string("tables to keep in step: ") + kTableHelp)->required();
  add_choice<multimaster::Topology>(
      app, "--topology", flow.multi_master.topology,
      {{"mesh", multimaster::Topology::kMesh}, {"ring", multimaster::Topology::kRing}},
      "mesh (default: each table sends its writes to every other one) or ring (to the next one named, which sends on)");
  auto* adopt = app.add_flag("--adopt", flow.multi_master.adopt,
                             "first start, with items on any side: give those that have no version one, and bring them "
                             "to the other tables");
  app.add_option("--prefer", command.preferred, "of adopted items that differ this table's win (default: any one)")
      ->option_text("TABLE")
      ->needs(adopt);
  app.add_flag("--enable-stream", flow.preflight.enable_stream, "turn the streams on where there are none");
  app.add_flag("--dry-run", flow.preflight.dry_run, "check the tables and read their streams; write nothing");
  app.add_option("--state-dir", command.state_dir, "folder of the flows' state files (default: as for replicate)")
      ->option_text("DIR");
  add_units(app, "--max-write-units", flow.max_write_units,
            "hard budget of write units that each flow consumes of a table per second");
  add_units(app, "--max-read-units", flow.max_read_units, "the same for read units");
  add_writing(app, flow.job.pipeline);
}

void add_replay_options(CLI::App& app, ReplayCommand& command) {
  app.add_option("FILE", command.file,
                 "dead-letter file; or where functions under AWS Lambda leave theirs (DYNAMIRROR_DEAD_LETTERS): "
                 "s3://bucket/prefix, file:/folder, or the URL of a queue of SQS")
      ->required();
  app.add_option("TARGET", command.target, std::string("table that refused the changes: ") + kTableHelp)->required();
  app.add_flag("--other-target", command.other_target, "also letters that another table has refused");
  add_units(app, "--max-write-units", command.max_write_units, "hard budget of write units consumed per second");
  app.add_option("--primary", command.primary,
                 "table to read the items of letters from that hold keys only: those of functions, and of a stream "
                 "without new images")
      ->option_text("TABLE");
  add_side(app, "target", command.target_side);
  add_side(app, "primary", command.primary_side);
  add_store_access(app, command.store);
  add_common(app, command.common);
}

void add_multilang_options(CLI::App& app, MultiLangCommand& command) {
  app.add_option("TARGET", command.target, std::string("table to write to: ") + kTableHelp)->required();
  app.add_option("--dead-letter-dir", command.dead_letter_dir,
                 "folder for changes that the target refuses, a file for each shard (without it such a change ends the "
                 "process)")
      ->option_text("DIR");
  add_writing(app, command.job.pipeline);
  add_units(app, "--max-write-units", command.max_write_units,
            "hard budget of write units that each shard's process consumes per second");
  auto* primary =
      app.add_option("--primary", command.primary,
                     "the daemon reads a Kinesis stream that tells of this table's changes: their items are "
                     "read here (without it: a stream of DynamoDB's)");
  primary->option_text("TABLE");
  add_units(app, "--max-read-units", command.max_read_units,
            "hard budget of read units that each shard's process consumes of the primary per second")
      ->needs(primary);
  add_side(app, "target", command.target_side);
  add_side(app, "primary", command.primary_side);
  command.common.log_level = log::Level::kWarning;  // KCL's daemon logs each line as an error
  add_common(app, command.common);
  app.get_option("--log-level")->description("debug, info, warning (default), error or off");
  app.remove_option(app.get_option("--output"));  // stdout is the daemon's
}

}  // namespace

void add_replication_commands(CLI::App& app, Run& chosen) {
  auto replicate = std::make_shared<ReplicateCommand>();
  CLI::App& replicate_app = *app.add_subcommand("replicate", "apply the changes of one table to another, continuously");
  add_replicate_options(replicate_app, replicate->replication);
  replicate_app.footer(kReplicateExamples);
  add_common(replicate_app, replicate->common);
  on_chosen(replicate_app, replicate, chosen, run_replicate);

  auto sync = std::make_shared<SyncCommand>();
  CLI::App& sync_app = *app.add_subcommand("sync", "keep tables in step that applications write on all sides");
  add_sync_options(sync_app, *sync);
  sync_app.footer(kSyncExamples);
  add_common(sync_app, sync->common);
  on_chosen(sync_app, sync, chosen, run_sync);

  auto multilang = std::make_shared<MultiLangCommand>();
  CLI::App& multilang_app = *app.add_subcommand(
      "multilang", "apply one shard under KCL's MultiLangDaemon, which reads the stream and starts this for each");
  add_multilang_options(multilang_app, *multilang);
  on_chosen(multilang_app, multilang, chosen, run_multilang);

  auto replay = std::make_shared<ReplayCommand>();
  CLI::App& dead_letters = *app.add_subcommand("dead-letters", "look after changes that a target has refused");
  dead_letters.require_subcommand(1);
  CLI::App& replay_app = *dead_letters.add_subcommand("replay", "try refused changes again, and keep those that fail");
  add_replay_options(replay_app, *replay);
  on_chosen(replay_app, replay, chosen, run_replay);
}

}  // namespace dynamirror::app
