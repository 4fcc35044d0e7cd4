// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "aws/dynamodb/table_description.hpp"
#include "base/file_lock.hpp"
#include "sink/dead_letters.hpp"
#include "state/local_store.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::service {

/// What a continuous job keeps on disk.
struct StateFiles {
  std::optional<FileLock> pair;  ///< of `one_process`
  std::unique_ptr<state::CheckpointStore> store;
  std::unique_ptr<sink::DeadLetters> dead_letters;  ///< null in a dry run and when the user wants none
};

struct StateFileOptions {
  std::string state{};         ///< empty: the default path …
  std::string kind{};          ///< … with this at its end: jobs of one pair of tables that have files of their own
  std::string dead_letters{};  ///< empty: beside the state file
  bool without_dead_letters = false;
  bool without_state = false;                  ///< begins anew each time
  std::size_t max_dead_letter_keys = 100'000;  ///< more refused items than this are no accident of single ones
  /// Refuses a second process of this user and machine on the same pair, whatever state file it has.
  bool one_process = false;
  bool dry_run = false;  ///< starts where the real run would, and leaves the files as they are
};

/// What stands between a target and its source though everything was read: keys with dead letters. Nothing when none
/// has any. `letters` may be null.
[[nodiscard]] std::optional<Error> missing_keys(const sink::DeadLetters* letters, const std::string& target);

/// Errors: those of the files, each with the remedy.
[[nodiscard]] Result<StateFiles> open_state_files(const StateFileOptions& options,
                                                  const state::ReplicationIdentity& identity);

/// Opens a file of dead letters, and says what is in it already. Nothing without a name.
[[nodiscard]] Result<std::unique_ptr<sink::DeadLetters>> open_dead_letters(
    const std::string& file, std::size_t max_keys = StateFileOptions{}.max_dead_letter_keys);

/// The name under which a state file remembers a table: its ARN, or, for servers that give all tables the same ARN, its
/// address.
[[nodiscard]] std::string identity_of(const jobs::TableSide& side, const aws::TableDescription& table);

}  // namespace dynamirror::service
