// SPDX-License-Identifier: Apache-2.0
// How options are declared: shared by the files of commands. The heavy CLI11 header stays in those few.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "app/options/command_line.hpp"
#include "app/options/outcome.hpp"
#include "base/text.hpp"

namespace dynamirror::app {

/// Given by a link with the name of the old command, not by users.
inline void add_old_words(CLI::App& app, bool& old_words) { app.add_flag("--old-words", old_words)->group(""); }

inline constexpr const char* kTableHelp = "region/table, an ARN, http(s)://host:port/table, or host:port/table";

/// A validator and transformer in one: CLI11 shows the message of a bad value beside the option's name.
template <class Value>
CLI::Option* add_parsed(CLI::App& app, const std::string& flag, Value& value, Result<Value> (*parse)(std::string_view),
                        const std::string& help, const std::string& unit) {
  return app
      .add_option_function<std::string>(
          flag,
          [&value, parse, flag](const std::string& text) {
            auto parsed = parse(text);
            if (!parsed) throw CLI::ValidationError(flag, to_line(parsed.error()));
            value = *parsed;
          },
          help)
      ->type_name(unit);
}

template <class Value>
CLI::Option* add_choice(CLI::App& app, const std::string& flag, Value& value, std::map<std::string, Value> choices,
                        const std::string& help, const std::string& unit = "CHOICE") {
  return app
      .add_option_function<std::string>(
          flag,
          [&value, flag, choices = std::move(choices)](const std::string& text) {
            const auto chosen = choices.find(to_lower(text));
            if (chosen == choices.end()) {
              std::string known;
              for (const auto& [name, ignored] : choices) known += (known.empty() ? "" : ", ") + name;
              throw CLI::ValidationError(flag, "\"" + text + "\" is none of " + known);
            }
            value = chosen->second;
          },
          help)
      ->option_text(unit);
}

/// Capacity units per second.
CLI::Option* add_units(CLI::App& app, const std::string& flag, std::optional<double>& units, const std::string& help);

/// --log-level, --log-format, --output, --allow-insecure.
void add_common(CLI::App& app, CommonOptions& common);

/// --<side>-profile, --<side>-role-arn, --<side>-external-id.
void add_identity(CLI::App& app, const std::string& side, aws::SideOptions& options);
/// The same and --<side>-region.
void add_side(CLI::App& app, const std::string& side, aws::SideOptions& options);
/// --<side>-streams-endpoint, where the stream of the side's table is read.
void add_stream_side(CLI::App& app, const std::string& side, aws::SideOptions& options);

/// --lease-table, --task, and what goes with them.
void add_leases(CLI::App& app, service::LeaseOptions& options);
/// The same for a job over whole tables: without --task, and --lease-table takes a name.
void add_job_leases(CLI::App& app, service::LeaseOptions& options);

/// --s3-endpoint, --s3-region and the identity to reach objects with.
void add_store_access(CLI::App& app, objects::StoreOptions& store);

/// --start. `when_needed`: the end of its help.
void add_start(CLI::App& app, service::ReplicationOptions& options, const std::string& when_needed);
/// --changes-from, and the identity to read that stream with.
void add_changes(CLI::App& app, service::ChangesOptions& changes);
/// --name, --on-trim, --state, --dead-letter, --idle-poll and those of `add_writing`: of everything that follows a
/// stream.
void add_replication(CLI::App& app, service::ReplicationOptions& options);
/// --stall-timeout, --max-writes.
void add_writing(CLI::App& app, jobs::Pipeline::Options& options);

/// Declares a command. When the user names it, `run` is called with its options, which live as long as the process
/// needs them.
template <class Options>
void on_chosen(CLI::App& command, std::shared_ptr<Options> options, Run& chosen, ExitCode (*run)(const Options&)) {
  command.callback([options = std::move(options), &chosen, run] {
    chosen = [options, run] {
      log::configure(options->common.log_level, options->common.log_format);
      return settled(run(*options), options->common.output);
    };
  });
}

// Each declares the commands of one kind; `chosen` is set by the one that the user names.
void add_replication_commands(CLI::App& app, Run& chosen);
void add_cross_region_command(CLI::App& app, Run& chosen);
void add_kinesis_cluster_command(CLI::App& app, Run& chosen);
void add_table_commands(CLI::App& app, Run& chosen);
void add_diff_commands(CLI::App& app, Run& chosen);
void add_backup_commands(CLI::App& app, Run& chosen);
void add_leases_commands(CLI::App& app, Run& chosen);
void add_conflicts_commands(CLI::App& app, Run& chosen);
void add_lambda_command(CLI::App& app, Run& chosen);

}  // namespace dynamirror::app
