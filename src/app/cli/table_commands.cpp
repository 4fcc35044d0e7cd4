// SPDX-License-Identifier: Apache-2.0
//
// Commands over whole tables.
#include "app/cli/copy_command.hpp"
#include "app/options/options.hpp"

namespace dynamirror::app {
namespace {

void add_copy_share(CLI::App& app, CopyCommand& command) {
  auto* segment = app.add_option("--segment", command.segment, "which share of the table this process takes, from 0")
                      ->option_text("I");
  auto* segments = app.add_option("--segments", command.segments,
                                  "into how many shares the table is cut (default: as JOB_COMPLETIONS or "
                                  "AWS_BATCH_JOB_ARRAY_SIZE say, or 1)")
                       ->check(CLI::Range(1, 10'000))
                       ->option_text("N");
  segment->needs(segments);
  segments->needs(segment);
  app.add_option("--split", command.split, "scan segments of this process; fixed for a resumed copy (16)")
      ->check(CLI::Range(1, 100))
      ->option_text("N");
}

/// With leases, the lease table says which segments are whose, and how far each is.
void add_copy_leases(CLI::App& app, CopyCommand& command) {
  add_job_leases(app, command.leases);
  CLI::Option* table = app.get_option("--lease-table");
  app.add_option("--lease-segments", command.lease_segments,
                 "segments into which the whole table is cut, for all workers together: the first one says (64)")
      ->check(CLI::Range(1, 10'000))
      ->option_text("N")
      ->group("Leases")
      ->needs(table);
  for (const char* other : {"--state", "--segment", "--segments", "--split"}) table->excludes(app.get_option(other));
}

void add_copy_options(CLI::App& app, CopyCommand& command) {
  app.add_option("SOURCE", command.source, std::string("table to copy: ") + kTableHelp)->required();
  app.add_option("TARGET", command.target, "table to write to")->required();
  app.add_flag("--create-target", command.create_target,
               "make the target from the source's description when it is not there");
  app.add_flag("--overwrite", command.overwrite, "copy although the target holds items already");
  auto* dry_run =
      app.add_flag("--dry-run", command.dry_run, "check both tables and say what the copy would cost; write nothing");
  app.add_flag("--prepare-only", command.prepare_only,
               "make the target if asked, check both tables, and end: before several processes share the copy")
      ->excludes(dry_run);
  app.add_flag("--consistent", command.consistent, "strongly consistent reads (twice the read units)");
  add_choice<bool>(app, "--on-error", command.stop_on_error, {{"dead-letter", false}, {"stop", true}},
                   "when the target refuses an item: dead-letter (default: set it aside) or stop");
  add_copy_share(app, command);
  add_units(app, "--max-read-units", command.max_read_units,
            "hard budget of read units consumed per second, by this process");
  add_units(app, "--max-write-units", command.max_write_units,
            "hard budget of write units consumed per second, by this process");
  app.add_option("--max-writes", command.max_concurrent_writes, "most write requests under way at once (64)")
      ->check(CLI::Range(1, 1024))
      ->option_text("N");
  app.add_option("--state", command.state_file, "where the copy stands (default: below $XDG_STATE_HOME/dynamirror)")
      ->option_text("FILE");
  app.add_option("--dead-letter", command.dead_letter_file,
                 "where refused items go (default: as `replicate` has it for these tables, or the name of --state with "
                 ".dead-letters.jsonl; with --lease-table none, and the first refused item ends this process)")
      ->option_text("FILE");
  add_copy_leases(app, command);
  add_side(app, "source", command.source_side);
  add_side(app, "target", command.target_side);
  add_common(app, command.common);
}

}  // namespace

void add_table_commands(CLI::App& app, Run& chosen) {
  auto copy = std::make_shared<CopyCommand>();
  CLI::App& copy_app = *app.add_subcommand("copy-table", "copy every item of one table to another; can be resumed");
  add_copy_options(copy_app, *copy);
  on_chosen(copy_app, copy, chosen, run_copy);
}

}  // namespace dynamirror::app
