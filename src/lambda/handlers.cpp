// SPDX-License-Identifier: Apache-2.0
#include "lambda/handlers.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <set>
#include <utility>

#include "aws/endpoints/partition.hpp"
#include "base/text.hpp"

namespace dynamirror::lambda {
namespace {

std::unexpected<Error> refuse(std::string_view variable, std::string message) {
  return failure(ErrorClass::kInvalid, "read variable", std::string(variable), std::move(message));
}

/// Reads variables, and remembers the first that is wrong: what is read behind it does not matter.
class Variables {
 public:
  explicit Variables(const aws::Environment& environment) : environment_(environment) {}

  [[nodiscard]] std::string text(std::string_view name) {
    asked_.emplace(name);
    return environment_.variable(name).value_or("");
  }

  [[nodiscard]] std::string required(std::string_view name) {
    std::string value = text(name);
    if (value.empty()) wrong(refuse(name, "this handler needs it, and it is not set").error());
    return value;
  }

  [[nodiscard]] std::optional<double> units(std::string_view name) {
    const std::string value = text(name);
    if (value.empty()) return std::nullopt;
    double number = 0;
    const char* const end = value.data() + value.size();
    const auto [read, error] = std::from_chars(value.data(), end, number);
    const bool fits = error == std::errc{} && read == end && std::isfinite(number) && number > 0;
    if (!fits) wrong(refuse(name, "\"" + value + "\" is no number above 0, such as 500 or 0.5").error());
    return number;
  }

  [[nodiscard]] std::optional<std::chrono::seconds> duration(std::string_view name) {
    const std::string value = text(name);
    if (value.empty()) return std::nullopt;
    auto parsed = parse_duration(value);
    if (!parsed) wrong(refuse(name, parsed.error().message).error());
    return std::chrono::duration_cast<std::chrono::seconds>(parsed.value_or(std::chrono::milliseconds(0)));
  }

  /// One of a few words, in any case; `value` stays as it is where nothing is said.
  template <class Value, std::size_t kCount>
  void choice(std::string_view name, Value& value, const std::array<std::pair<std::string_view, Value>, kCount>& all) {
    const std::string said = to_lower(text(name));
    if (said.empty()) return;
    std::string known;
    for (const auto& [word, meaning] : all) {
      if (said == word) value = meaning;
      if (said == word) return;
      known.append(known.empty() ? "" : ", ").append(word);
    }
    wrong(refuse(name, "\"" + said + "\" is none of " + known).error());
  }

  void wrong(Error error) {
    if (!wrong_) wrong_ = std::move(error);
  }
  [[nodiscard]] const std::optional<Error>& wrong() const { return wrong_; }
  /// The names of all that were asked for.
  [[nodiscard]] const std::set<std::string>& asked() const { return asked_; }

 private:
  const aws::Environment& environment_;
  std::set<std::string> asked_;
  std::optional<Error> wrong_;
};

objects::StoreOptions store_options(Variables& variables, std::string side) {
  objects::StoreOptions store{.region = variables.text("DYNAMIRROR_S3_REGION"),
                              .endpoint = variables.text("DYNAMIRROR_S3_ENDPOINT")};
  store.side.side = std::move(side);
  store.side.role_arn = variables.text("DYNAMIRROR_S3_ROLE_ARN");
  store.side.external_id = variables.text("DYNAMIRROR_S3_EXTERNAL_ID");
  return store;
}

service::TableOptions table_options(Variables& variables, std::string side, const std::string& prefix) {
  service::TableOptions table{.address = variables.text(prefix)};
  table.side.side = std::move(side);
  table.side.region = variables.text(prefix + "_REGION");
  table.side.role_arn = variables.text(prefix + "_ROLE_ARN");
  table.side.external_id = variables.text(prefix + "_EXTERNAL_ID");
  return table;
}

constexpr std::array<std::pair<std::string_view, bool>, 2> kTruth{{{"true", true}, {"false", false}}};

void read_common(FunctionOptions& options, Variables& variables) {
  using Level = log::Level;
  constexpr std::array<std::pair<std::string_view, OnFailure>, 2> kAnswers{
      {{"report", OnFailure::kReport}, {"error", OnFailure::kError}}};
  constexpr std::array<std::pair<std::string_view, Level>, 5> kLevels{{{"debug", Level::kDebug},
                                                                       {"info", Level::kInfo},
                                                                       {"warning", Level::kWarning},
                                                                       {"error", Level::kError},
                                                                       {"off", Level::kOff}}};
  variables.choice("DYNAMIRROR_ON_FAILURE", options.on_failure, kAnswers);
  variables.choice("DYNAMIRROR_LOG_LEVEL", options.log_level, kLevels);
  options.source = table_options(variables, "source", "DYNAMIRROR_SOURCE");
  options.dead_letters.url = variables.text("DYNAMIRROR_DEAD_LETTERS");
  options.dead_letters.store = store_options(variables, "dead letters");
  options.max_record_age = variables.duration("DYNAMIRROR_MAX_RECORD_AGE");
  options.max_write_units = variables.units("DYNAMIRROR_MAX_WRITE_UNITS");
  options.max_read_units = variables.units("DYNAMIRROR_MAX_READ_UNITS");
  const std::string metrics = variables.text("DYNAMIRROR_METRICS");
  if (!metrics.empty()) options.metrics = metrics == "off" ? "" : metrics;
  variables.choice("DYNAMIRROR_ALLOW_INSECURE", options.allow_insecure, kTruth);
}

// ---- dynamirror.*

void read_replicate(FunctionOptions& options, Variables& variables) {
  options.on_failure = OnFailure::kReport;
  variables.choice("DYNAMIRROR_TAGS", options.tags, kTruth);
  (void)variables.required("DYNAMIRROR_TARGET");
  options.target = table_options(variables, "target", "DYNAMIRROR_TARGET");
}

void read_backup(FunctionOptions& options, Variables& variables) {
  options.on_failure = OnFailure::kReport;
  service::ObjectsOptions target{.url = variables.required("DYNAMIRROR_TARGET"),
                                 .store = store_options(variables, "target")};
  target.store.sse = variables.text("DYNAMIRROR_SSE");
  target.store.kms_key_id = variables.text("DYNAMIRROR_KMS_KEY_ID");
  target.store.storage_class = variables.text("DYNAMIRROR_STORAGE_CLASS");
  target.store.acl = variables.text("DYNAMIRROR_ACL");
  options.target = std::move(target);
}

// ---- mapbox's dynamodb-replicator

void read_turnover(FunctionOptions& options, Variables& variables) {
  using Role = transform::Turnover::Role;
  const std::string role = variables.text("TurnoverRole");
  const std::string moment = variables.text("TurnoverAt");
  if (role.empty() && moment.empty()) return;
  if (role.empty() || moment.empty()) {
    const char* const missing = role.empty() ? "TurnoverRole" : "TurnoverAt";
    return variables.wrong(refuse(missing, "it is not set, and the other of TurnoverRole and TurnoverAt is").error());
  }
  TurnoverOptions turnover;
  constexpr std::array<std::pair<std::string_view, Role>, 2> kRoles{
      {{"before", Role::kBefore}, {"after", Role::kAfter}}};
  variables.choice("TurnoverRole", turnover.role, kRoles);
  std::int64_t milliseconds = 0;
  constexpr std::int64_t kLatest = 9'000'000'000'000;  // the year 2255, within 64 bits of nanoseconds
  const char* const end = moment.data() + moment.size();
  const auto [read, error] = std::from_chars(moment.data(), end, milliseconds);
  if (error != std::errc{} || read != end || milliseconds < 0 || milliseconds > kLatest) {
    variables.wrong(refuse("TurnoverAt", "\"" + moment + "\" is no moment in milliseconds since 1970").error());
  }
  turnover.moment = WallTime(std::chrono::milliseconds(milliseconds));
  options.turnover = turnover;
}

void read_mapbox_replicate(FunctionOptions& options, Variables& variables) {
  const std::string table = variables.required("ReplicaTable");
  const std::string region = variables.required("ReplicaRegion");
  std::string endpoint = variables.text("ReplicaEndpoint");
  while (endpoint.ends_with('/')) endpoint.pop_back();
  service::TableOptions target{.address = (endpoint.empty() ? region : endpoint) + "/" + table};
  target.side.side = "target";
  if (!endpoint.empty()) target.region = region;
  target.side.region = region;
  options.target = std::move(target);
  const std::string id = variables.text("ReplicaAccessKeyId");
  std::string secret = variables.text("ReplicaSecretAccessKey");
  if (secret.empty()) secret = variables.text("ReplicaSecretAccesseKey");  // as a fork's manual spells it
  if (id.empty() != secret.empty()) {
    const char* const missing = id.empty() ? "ReplicaAccessKeyId" : "ReplicaSecretAccessKey";
    return variables.wrong(refuse(missing, "it is not set, but the other half of the key is").error());
  }
  if (!id.empty()) options.target_keys = TargetKeys{.id = id, .secret = Secret(secret)};
  read_turnover(options, variables);
}

void read_mapbox_backup(FunctionOptions& options, Variables& variables) {
  const std::string bucket = variables.required("BackupBucket");
  const std::string prefix = variables.text("BackupPrefix");
  service::ObjectsOptions target{.url = "s3://" + bucket + (prefix.empty() ? "" : "/" + prefix),
                                 .store = store_options(variables, "target")};
  if (const std::string region = variables.text("BackupRegion"); !region.empty()) target.store.region = region;
  options.target = std::move(target);
  read_turnover(options, variables);
}

// ---- the cross-account sample

void read_cross_account(FunctionOptions& options, Variables& variables) {
  const std::string account = variables.required("TARGET_AWS_ACCOUNT_NUMBER");
  const std::string role = variables.required("TARGET_ROLE_NAME");
  const std::string table = variables.required("TARGET_DYNAMODB_NAME");
  const std::string region = variables.required("TARGET_REGION");
  service::TableOptions target{.address = region + "/" + table};
  target.side.side = "target";
  target.side.region = region;
  target.side.role_arn = "arn:" + std::string(aws::partition_of_region(region).name) + ":iam::" + account + ":role/";
  target.side.role_arn += role;
  options.target = std::move(target);
}

// ---- the circular replicator

void read_circular(FunctionOptions& options, Variables& variables) {
  const std::string region = variables.required("TARGET_REGION");
  service::TableOptions target{.address = region + "/" + variables.required("TARGET_TABLE")};
  target.side.side = "target";
  target.side.region = region;
  options.target = std::move(target);
  options.tags = true;
}

struct Handler {
  std::string_view name;
  void (*read)(FunctionOptions& options, Variables& variables);
};
constexpr std::array<Handler, 6> kHandlers{{{"dynamirror.replicate", read_replicate},
                                            {"dynamirror.backup", read_backup},
                                            {"index.replicate", read_mapbox_replicate},
                                            {"index.backup", read_mapbox_backup},
                                            {"replicator.lambda_handler", read_circular},
                                            {"ReplayFromStream.lambda_handler", read_cross_account}}};

/// In which nothing is set.
class NoEnvironment final : public aws::Environment {
 public:
  [[nodiscard]] std::optional<std::string> variable(std::string_view /*name*/) const override { return std::nullopt; }
  [[nodiscard]] Result<std::string> read_file(const std::string& path) const override {
    return failure(ErrorClass::kNotFound, "read file", path, "there are no files");
  }
};

}  // namespace

std::vector<std::string> known_variables() {
  const NoEnvironment environment;
  Variables variables(environment);
  for (const Handler& handler : kHandlers) {
    FunctionOptions options;
    handler.read(options, variables);
    read_common(options, variables);
  }
  return {variables.asked().begin(), variables.asked().end()};
}

Result<FunctionOptions> function_options(std::string_view handler, const aws::Environment& environment) {
  std::string known;
  for (const auto& [name, read] : kHandlers) {
    known.append(known.empty() ? "" : ", ").append(name);
    if (name != handler) continue;
    FunctionOptions options;
    Variables variables(environment);
    read(options, variables);
    read_common(options, variables);
    if (variables.wrong()) return std::unexpected(*variables.wrong());
    return options;
  }
  return failure(ErrorClass::kInvalid, "choose handler", std::string(handler), "it is none of " + known);
}

}  // namespace dynamirror::lambda
