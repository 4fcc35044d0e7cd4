// SPDX-License-Identifier: Apache-2.0
#include "app/command_line.hpp"

#include <array>
#include <filesystem>
#include <iostream>
#include <vector>

#include "app/options.hpp"
#include "base/version.hpp"

namespace dynamirror::app {
namespace {

/// The commands of the tools that we take over from: a link of this name to our binary is that command.
constexpr std::array<std::string_view, 9> kOldNames{"diff-tables",
                                                    "diff-record",
                                                    "replicate-record",
                                                    "backup-table",
                                                    "incremental-backfill",
                                                    "incremental-snapshot",
                                                    "incremental-diff-record",
                                                    "incremental-backup-record",
                                                    "incremental-record-history"};

/// The command line with the name of the command in it, also when the binary was called by it; then in the words that
/// scripts of the old tool read.
std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const std::string called = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "";
  if (std::find(kOldNames.begin(), kOldNames.end(), called) != kOldNames.end()) words.insert(words.begin(), {called, "--old-words"});
  return words;
}

}  // namespace

void add_common(CLI::App& app, CommonOptions& common) {
  app.add_option("--log-level", common.log_level, "debug, info (default), warning, error or off")
      ->transform(CLI::CheckedTransformer(std::map<std::string, log::Level>{{"debug", log::Level::kDebug},
                                                                            {"info", log::Level::kInfo},
                                                                            {"warning", log::Level::kWarning},
                                                                            {"error", log::Level::kError},
                                                                            {"off", log::Level::kOff}}))
      ->option_text("LEVEL");
  app.add_option("--log-format", common.log_format, "text (default) or json, on stderr")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, log::Format>{{"text", log::Format::kText}, {"json", log::Format::kJson}}))
      ->option_text("FORMAT");
  app.add_option("--output", common.output, "the final summary on stdout: text (default) or json")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, OutputFormat>{{"text", OutputFormat::kText}, {"json", OutputFormat::kJson}}))
      ->option_text("FORMAT");
  app.add_flag("--allow-insecure", common.allow_insecure, "allow plain http to hosts other than this one");
}

void add_side(CLI::App& app, const std::string& side, aws::SideOptions& options) {
  const std::string group = "Access to the " + side;
  app.add_option("--" + side + "-profile", options.profile, "profile of the AWS configuration files")
      ->option_text("NAME")
      ->group(group);
  app.add_option("--" + side + "-role-arn", options.role_arn, "role to assume (STS AssumeRole)")
      ->option_text("ARN")
      ->group(group);
  app.add_option("--" + side + "-external-id", options.external_id, "external id for that role")
      ->option_text("ID")
      ->group(group);
}

std::expected<Run, NothingToRun> parse_command_line(int argc, char** argv) {
  CLI::App app("Keeps DynamoDB tables in step.\nDocumentation: README.md; exit codes: docs/exit-codes.md",
               "dynamirror");
  app.set_version_flag("--version", std::string("dynamirror ").append(kVersion));
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);

  Run chosen;
  add_replication_commands(app, chosen);
  add_cross_region_command(app, chosen);
  add_table_commands(app, chosen);
  add_diff_commands(app, chosen);
  add_backup_commands(app, chosen);
  add_leases_commands(app, chosen);

  std::vector<std::string> words = words_of(argc, argv);
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    app.parse(words);
  } catch (const CLI::Success& wanted) {  // --help, --version
    return std::unexpected(NothingToRun{app.exit(wanted)});
  } catch (const CLI::ParseError& error) {
    std::cerr << "dynamirror: " << error.what() << " (see --help)\n";
    return std::unexpected(NothingToRun{static_cast<int>(jobs::ExitCode::kUsage)});
  }
  return chosen;
}

}  // namespace dynamirror::app
