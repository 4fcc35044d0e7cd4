// SPDX-License-Identifier: Apache-2.0
#include "app/cli/diff_command.hpp"
#include "app/options/options.hpp"

namespace dynamirror::app {
namespace {

void add_work(CLI::App& app, DiffTablesCommand& command) {
  CLI::Option* repair = app.add_flag("--repair", command.repair, "bring the replica to the primary's state");
  CLI::Option* backfill = app.add_flag("--backfill", command.job.backfill,
                                       "with --repair: scan only the primary, and bring its items to the replica");
  backfill->needs(repair);
  app.add_flag("--dry-run", command.dry_run, "with --repair: write nothing, and say what would be written")
      ->needs(repair)
      ->excludes(backfill);
  app.add_option("--ignore-attributes", command.job.ignored,
                 "attributes that do not count, e.g. what a replica keeps for itself: _repl_seen")
      ->delimiter(',')
      ->option_text("NAME,...");
  CLI::Option* segment = app.add_option("--segment", command.segment, "which share of the tables, from 0");
  segment->option_text("I");
  CLI::Option* segments =
      app.add_option("--segments", command.segments,
                     "how many processes share the tables (default: of the batch system's environment, or 1)");
  segments->check(CLI::Range(1, 60'000))->option_text("N");
  segment->needs(segments);
  segments->needs(segment);
  app.add_option_function<std::string>(
         "--sample",
         [&command](const std::string& text) {
           const auto share = parse_sample(text);
           if (!share) throw CLI::ValidationError("--sample", to_line(share.error()));
           command.job.sample = *share;
         },
         "compare only this share of the tables, chosen by chance")
      ->option_text("1%")
      ->excludes(segment)
      ->excludes(backfill);
}

/// With leases, the lease table says which segments are whose.
void add_diff_leases(CLI::App& app, DiffTablesCommand& command) {
  add_job_leases(app, command.leases);
  CLI::Option* table = app.get_option("--lease-table");
  app.add_option("--lease-segments", command.lease_segments,
                 "segments into which the tables are cut, for all workers together: the first one says (64)")
      ->check(CLI::Range(1, 10'000))
      ->option_text("N")
      ->group("Leases")
      ->needs(table);
  for (const char* other : {"--segment", "--segments", "--sample"}) table->excludes(app.get_option(other));
}

void add_diff_tables(CLI::App& parent, Run& chosen) {
  auto command = std::make_shared<DiffTablesCommand>();
  CLI::App& app = *parent.add_subcommand("diff-tables", "find where a replica differs from its primary, and repair it");
  app.add_option("PRIMARY", command->primary, std::string("table that is right: ") + kTableHelp)->required();
  app.add_option("REPLICA", command->replica, "table compared with it")->required();
  add_work(app, *command);
  add_parsed(app, "--settle", command->job.settle, parse_duration,
             "how long a difference must last, at least the replica's lag (2s)", "DURATION");
  add_parsed(app, "--memory", command->job.memory_bytes, parse_bytes,
             "for digests of items; beyond it they go to disk (256MiB)", "BYTES");
  app.add_option("--temp-dir", command->temp_folder, "folder for digests on disk (default: $TMPDIR, or /tmp)")
      ->option_text("FOLDER");
  add_units(app, "--max-read-units", command->job.max_read_units,
            "read units consumed per second, of each table, by this process");
  add_units(app, "--max-write-units", command->job.max_write_units,
            "write units consumed per second by a repair, by this process");
  add_diff_leases(app, *command);
  add_side(app, "primary", command->primary_side);
  add_side(app, "replica", command->replica_side);
  add_old_words(app, command->old_words);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run_diff_tables);
}

void add_record_pair(CLI::App& parent, Run& chosen, const char* name, const char* help,
                     ExitCode (*run)(const RecordPairCommand&)) {
  auto command = std::make_shared<RecordPairCommand>();
  CLI::App& app = *parent.add_subcommand(name, help);
  app.add_option("PRIMARY", command->primary, std::string("table that is right: ") + kTableHelp)->required();
  app.add_option("REPLICA", command->replica, "table compared with it")->required();
  app.add_option("KEY", command->key, R"(wire form {"id":{"S":"abc"}} or plain form {"id":"abc","n":5})")->required();
  add_side(app, "primary", command->primary_side);
  add_side(app, "replica", command->replica_side);
  add_old_words(app, command->old_words);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run);
}

}  // namespace

void add_diff_commands(CLI::App& app, Run& chosen) {
  add_diff_tables(app, chosen);
  add_record_pair(app, chosen, "diff-record", "compare one record in two tables", run_diff_record);
  add_record_pair(app, chosen, "replicate-record", "bring one record from a table to its replica",
                  run_replicate_record);
}

}  // namespace dynamirror::app
