// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "aws/environment.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "objects/open_store.hpp"
#include "service/replication_options.hpp"
#include "transform/turnover.hpp"

namespace dynamirror::lambda {

/// What the answer is when a change of a batch is not done.
enum class OnFailure {
  kReport,  ///< `batchItemFailures`: only for mappings that ask for it; others take every answer for success
  kError,   ///< an error of the function
};

/// Keys of the target's account that stand in variables of their own.
struct TargetKeys {
  std::string id;
  Secret secret;
};

struct TurnoverOptions {
  transform::Turnover::Role role = transform::Turnover::Role::kBefore;
  WallTime moment{};
};

/// What a function does, in plain values.
struct FunctionOptions {
  std::variant<service::TableOptions, service::ObjectsOptions> target{};
  std::optional<TargetKeys> target_keys{};
  bool tags = false;               ///< of the circular replicator: see transform::CircularTags; the target is a table
  service::TableOptions source{};  ///< the items, where events tell keys alone; without address: the event's own table
  service::ObjectsOptions dead_letters{};  ///< without URL: none
  OnFailure on_failure = OnFailure::kError;
  std::optional<std::chrono::seconds> max_record_age{};
  std::optional<TurnoverOptions> turnover{};
  std::optional<double> max_write_units{};
  std::optional<double> max_read_units{};
  std::string metrics = "dynamirror";  ///< namespace; empty: none
  log::Level log_level = log::Level::kInfo;
  bool allow_insecure = false;
};

/// What a handler does, as its variables say (docs/lambda.md). Errors: class invalid, naming the variable or handler.
[[nodiscard]] Result<FunctionOptions> function_options(std::string_view handler, const aws::Environment& environment);

/// The names of all variables that some handler reads, our own among them.
[[nodiscard]] std::vector<std::string> known_variables();

}  // namespace dynamirror::lambda
