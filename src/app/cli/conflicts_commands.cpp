// SPDX-License-Identifier: Apache-2.0
// `dynamirror conflicts …` and `dynamirror undelete`: what operators do with tables that are written on several sides.
#include "app/cli/conflicts_command.hpp"
#include "app/options/options.hpp"

namespace dynamirror::app {
namespace {

constexpr const char* kKeyHelp = R"(wire form {"id":{"S":"abc"}} or plain form {"id":"abc","n":5})";

enum class Keys { kAll, kOne };

ConflictsCommand& add(CLI::App& app, Keys keys, ExitCode (*run)(const ConflictsCommand&), Run& chosen) {
  auto command = std::make_shared<ConflictsCommand>();
  app.add_option("TABLE", command->table, kTableHelp)->required();
  if (keys == Keys::kOne) app.add_option("KEY", command->key, kKeyHelp)->required();
  add_side(app, "table", command->side);
  add_common(app, command->common);
  ConflictsCommand& declared = *command;
  on_chosen(app, std::move(command), chosen, run);
  app.footer("Documentation: docs/multi-master.md");
  return declared;
}

void add_dry_run(CLI::App& app, ConflictsCommand& command) {
  app.add_flag("--dry-run", command.dry_run, "show the item before and after, and write nothing");
}

}  // namespace

void add_conflicts_commands(CLI::App& app, Run& chosen) {
  CLI::App& conflicts =
      *app.add_subcommand("conflicts", "writes that lost to others, of tables that are written on several sides");
  conflicts.require_subcommand(1);
  CLI::App& list = *conflicts.add_subcommand("list", "the conflicts noted beside a table, oldest first");
  ConflictsCommand& listed = add(list, Keys::kAll, run_conflicts_list, chosen);
  list.add_option("--key", listed.key, std::string("of this key alone: ") + kKeyHelp)->option_text("KEY");
  list.add_option("--since", listed.since, "noted at this time or later: 2026-01-31T12:00:00Z")->option_text("TIME");

  CLI::App& show = *conflicts.add_subcommand("show", "the conflicts of one key, with both items and how they differ");
  add(show, Keys::kOne, run_conflicts_show, chosen);

  CLI::App& take = *conflicts.add_subcommand(
      "take", "write what lost again, as an application would: a new write, which the replications bring everywhere");
  ConflictsCommand& taken = add(take, Keys::kOne, run_conflicts_take, chosen);
  take.add_option("--loser", taken.loser, "its version, where the key has several losers")->option_text("VERSION");
  add_dry_run(take, taken);

  CLI::App& undelete = *app.add_subcommand(
      "undelete", "put a deleted item of a table written on several sides back, as it was when it was deleted there");
  add_dry_run(undelete, add(undelete, Keys::kOne, run_undelete, chosen));
}

}  // namespace dynamirror::app
