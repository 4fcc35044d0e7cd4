// SPDX-License-Identifier: Apache-2.0
// `dynamirror leases …`: what operators do with leases.
#include "app/cli/leases_command.hpp"
#include "app/options/options.hpp"

namespace dynamirror::app {
namespace {

void add_duration(CLI::App& app, const char* flag, std::optional<std::chrono::milliseconds>& value, const char* help) {
  app.add_option_function<std::string>(
         flag,
         [&value, flag](const std::string& text) {
           const auto parsed = parse_duration(text);
           if (!parsed) throw CLI::ValidationError(flag, to_line(parsed.error()));
           value = *parsed;
         },
         help)
      ->option_text("DURATION");
}

/// Where the leases are.
void add_table(CLI::App& app, LeasesCommand& command) {
  app.add_option("TABLE", command.table,
                 "lease table: its name, region/table, http(s)://host:port/table, or file:PATH (left out with --source "
                 "and --target)");
  auto* source = app.add_option("--source", command.source, "table that is replicated from")->option_text("TABLE");
  auto* target = app.add_option("--target", command.target, "table that is replicated to")->option_text("TABLE");
  source->needs(target);
  target->needs(source);
  app.add_option("--task", command.task, "with --source and --target: the task's name in awslabs' tool")
      ->option_text("NAME")
      ->needs(source);
  for (CLI::Option* option : {source, target, app.get_option("--task")}) option->group("Instead of TABLE");
  app.add_option("--lease-region", command.region, "region of a TABLE that is only named")->option_text("REGION");
  app.add_option("--lease-endpoint", command.endpoint, "server of a TABLE that is only named")->option_text("URL");
  add_identity(app, "lease", command.lease_side);
}

void add_key(CLI::App& app, LeasesCommand& command) {
  app.add_option("KEY", command.key, "leaseKey of one lease: the shard's id");
}

void add_watching(CLI::App& app, LeasesCommand& command) {
  add_duration(
      app, "--failover-time", command.failover,
      "that of the workers (10s; 60s for tables of awslabs' tool): who renews nothing for so long has lost it");
  add_duration(app, "--watch-for", command.watch_for,
               "pause between two looks, which shows who renews what (a little over a third of the fail-over time); "
               "0s: look once");
}

void add_lease_write_options(CLI::App& app, LeasesCommand& command) {
  app.add_flag("--dry-run", command.dry_run, "say what would be done, and do nothing");
  app.add_flag("--yes", command.yes, "do not ask; needed where there is no terminal");
}

void add_list(CLI::App& leases, Run& chosen) {
  auto command = std::make_shared<LeasesCommand>();
  CLI::App& app = *leases.add_subcommand("list", "who has which lease, how far it is, and whether it is being renewed");
  add_table(app, *command);
  add_watching(app, *command);
  app.add_option("--stream-of", command->stream_of,
                 "also say how far each lease is behind, by reading the record after its checkpoint from the stream of "
                 "this table")
      ->option_text("TABLE");
  add_side(app, "stream", command->stream_side);
  app.add_option(
         "--changes-from", command->changes.address,
         "the same for leases of this stream of Kinesis: kinesis:region/name, an ARN, or http(s)://host:port/name")
      ->option_text("STREAM")
      ->excludes(app.get_option("--stream-of"));
  add_side(app, "changes", command->changes.side);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run_leases_list);
}

void add_show(CLI::App& leases, Run& chosen) {
  auto command = std::make_shared<LeasesCommand>();
  CLI::App& app = *leases.add_subcommand("show", "everything in one row, and what it means");
  add_table(app, *command);
  add_key(app, *command);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run_leases_show);
}

void add_release(CLI::App& leases, Run& chosen) {
  auto command = std::make_shared<LeasesCommand>();
  CLI::App& app = *leases.add_subcommand(
      "release",
      "take leases off their owner, so that others take them at once (KCL before 2.6: after the fail-over time); an "
      "owner that lives writes on until its next renewal");
  add_table(app, *command);
  add_key(app, *command);
  app.add_option("--owner", command->owner, "all unfinished leases of this worker")->option_text("WORKER");
  app.add_flag("--all", command->all, "all unfinished leases that have an owner");
  add_lease_write_options(app, *command);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run_leases_release);
}

void add_reset(CLI::App& leases, Run& chosen) {
  auto command = std::make_shared<LeasesCommand>();
  CLI::App& app =
      *leases.add_subcommand("reset", "set where reading goes on, or start over; leaves the leases without an owner");
  add_table(app, *command);
  add_key(app, *command);
  auto* all = app.add_flag("--all", command->all, "all leases");
  auto* to = app.add_option("--to", command->to,
                            "trim-horizon (default: all that the stream still holds), latest, or, for one KEY, the "
                            "sequence number after which to go on")
                 ->option_text("POSITION");
  app.add_flag("--delete", command->remove, "with --all: remove the rows of all leases, but no other rows")
      ->needs(all)
      ->excludes(to);
  app.add_flag("--force", command->force, "also while workers live that own them");
  add_watching(app, *command);
  add_lease_write_options(app, *command);
  add_common(app, command->common);
  on_chosen(app, command, chosen, run_leases_reset);
}

}  // namespace

void add_leases_commands(CLI::App& app, Run& chosen) {
  CLI::App& leases = *app.add_subcommand("leases", "look after the leases that workers share");
  leases.require_subcommand(1);
  add_list(leases, chosen);
  add_show(leases, chosen);
  add_release(leases, chosen);
  add_reset(leases, chosen);
}

}  // namespace dynamirror::app
