// SPDX-License-Identifier: Apache-2.0
#include "app/options/command_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <sstream>
#include <vector>

#include "app/options/options.hpp"
#include "app/options/suggestion.hpp"
#include "base/version.hpp"

namespace dynamirror::app {
namespace {

/// The commands of the tools that we take over from: a link of this name to our binary is that command.
constexpr std::array<std::string_view, 10> kOldNames{"diff-tables",
                                                     "diff-record",
                                                     "replicate-record",
                                                     "backup-table",
                                                     "incremental-backfill",
                                                     "incremental-snapshot",
                                                     "incremental-diff-record",
                                                     "incremental-backup-record",
                                                     "incremental-record-history",
                                                     "launch-kinesis-cluster"};

/// What Lambda starts in a custom runtime.
constexpr std::string_view kLambdaName = "bootstrap";
constexpr std::string_view kLambda = "lambda";

/// The command line with the name of the command in it, also when the binary was called by it; then in the words that
/// scripts of the old tool read.
std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const std::string called = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "";
  if (std::find(kOldNames.begin(), kOldNames.end(), called) != kOldNames.end())
    words.insert(words.begin(), {called, "--old-words"});
  if (called == kLambdaName) words.insert(words.begin(), std::string(kLambda));
  return words;
}

bool is_option(const std::string& word) { return word.size() > 1 && word.front() == '-'; }

/// The command that the words name: `app` itself, one below it, or one below that. Drops the names from the words.
CLI::App* named_command(CLI::App* app, std::vector<std::string>& words) {
  while (!words.empty()) {
    const auto below = app->get_subcommands([&](CLI::App* each) { return each->get_name() == words.front(); });
    if (below.empty()) break;
    app = below.front();
    words.erase(words.begin());
  }
  return app;
}

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

/// What is wrong with words that name no command or no option of it; empty when they do.
std::string unknown_word(CLI::App& app, std::vector<std::string> words) {
  const CLI::App& command = *named_command(&app, words);
  const auto commands = commands_of(command);
  if (!commands.empty() && !words.empty() && !is_option(words.front())) {
    return "there is no command \"" + words.front() + "\"" + suggestion(words.front(), commands);
  }
  const auto options = options_of(command);
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('='));
    if (word == "--") break;
    if (!word.starts_with("--") || std::ranges::find(options, name) != options.end()) continue;
    return command.get_name() + " has no option " + name + suggestion(name, options);
  }
  return {};
}

/// What the caller would see in JSON, had the command line been understood.
OutputFormat wanted_format(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool next = words[i] == "--output" && i + 1 < words.size() && words[i + 1] == "json";
    if (next || words[i] == "--output=json") return OutputFormat::kJson;
  }
  return OutputFormat::kText;
}

NothingToRun refuse(CLI::App& app, const std::vector<std::string>& words, const CLI::ParseError& error) {
  std::vector<std::string> rest = words;
  std::string see = "dynamirror";
  for (CLI::App* command = named_command(&app, rest); command->get_parent() != nullptr; command = command->get_parent())
    see.insert(std::string("dynamirror").size(), " " + command->get_name());
  const std::string unknown = unknown_word(app, words);
  const std::string what = unknown.empty() ? error.what() : unknown;
  complain({.error_class = ErrorClass::kInvalid,
            .doing = {},
            .resource = {},
            .code = {},
            .message = what + " (see " + see + " --help)"});
  return {static_cast<int>(settled(ExitCode::kUsage, wanted_format(words)))};
}

void add_version(CLI::App& app) {
  CLI::Option* const flag = app.set_version_flag("--version", std::string("dynamirror ").append(kVersion));
  if (app.get_parent() != nullptr) flag->group("");  // hidden
  for (CLI::App* command : app.get_subcommands({})) add_version(*command);
}

/// All but that of functions.
void add_other_commands(CLI::App& app, Run& chosen) {
  add_replication_commands(app, chosen);
  add_cross_region_command(app, chosen);
  add_kinesis_cluster_command(app, chosen);
  add_table_commands(app, chosen);
  add_diff_commands(app, chosen);
  add_backup_commands(app, chosen);
  add_leases_commands(app, chosen);
  add_conflicts_commands(app, chosen);
}

}  // namespace

CLI::Option* add_units(CLI::App& app, const std::string& flag, std::optional<double>& units, const std::string& help) {
  return app
      .add_option_function<std::string>(
          flag,
          [&units, flag](const std::string& text) {
            double number = 0;
            const char* const end = text.data() + text.size();
            const auto [read, error] = std::from_chars(text.data(), end, number);
            const bool fits = error == std::errc{} && read == end && std::isfinite(number) && number > 0;
            if (!fits) throw CLI::ValidationError(flag, "\"" + text + "\" is no number above 0, such as 500 or 0.5");
            units = number;
          },
          help)
      ->option_text("UNITS");
}

void add_common(CLI::App& app, CommonOptions& common) {
  add_choice<log::Level>(app, "--log-level", common.log_level,
                         {{"debug", log::Level::kDebug},
                          {"info", log::Level::kInfo},
                          {"warning", log::Level::kWarning},
                          {"error", log::Level::kError},
                          {"off", log::Level::kOff}},
                         "debug, info (default), warning, error or off", "LEVEL");
  add_choice<log::Format>(app, "--log-format", common.log_format,
                          {{"text", log::Format::kText}, {"json", log::Format::kJson}},
                          "text (default) or json, on stderr", "FORMAT");
  add_choice<OutputFormat>(app, "--output", common.output,
                           {{"text", OutputFormat::kText}, {"json", OutputFormat::kJson}},
                           "the final summary on stdout: text (default) or json", "FORMAT");
  app.add_flag("--allow-insecure", common.allow_insecure, "allow plain http to hosts other than this one");
}

void add_side(CLI::App& app, const std::string& side, aws::SideOptions& options) {
  options.side = side;
  add_identity(app, side, options);
  app.add_option("--" + side + "-region", options.region,
                 "region of a table named by a URL that does not say (AWS_REGION, or the profile's)")
      ->option_text("REGION")
      ->group("Access to the " + side);
}

void add_stream_side(CLI::App& app, const std::string& side, aws::SideOptions& options) {
  add_side(app, side, options);
  app.add_option("--" + side + "-streams-endpoint", options.streams_endpoint,
                 "where its stream is read (AWS_ENDPOINT_URL_DYNAMODB_STREAMS, or as the table's address says)")
      ->option_text("URL")
      ->group("Access to the " + side);
}

void add_identity(CLI::App& app, const std::string& side, aws::SideOptions& options) {
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
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);

  const std::vector<std::string> words = words_of(argc, argv);
  Run chosen;
  // Somebody waits for the start of a function, and to declare all commands is most of it.
  const bool is_function = !words.empty() && words.front() == kLambda;
  if (!is_function) add_other_commands(app, chosen);
  add_lambda_command(app, chosen);
  add_version(app);

  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // as CLI11 wants them
  } catch (const CLI::Success& wanted) {                                // --help, --version
    std::ostringstream text;
    app.exit(wanted, text, text);
    print(text.str());
    return std::unexpected(NothingToRun{});
  } catch (const CLI::ParseError& error) {
    return std::unexpected(refuse(app, words, error));
  }
  return chosen;
}

}  // namespace dynamirror::app
