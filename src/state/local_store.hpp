// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "state/checkpoint_store.hpp"
#include "state/scan_store.hpp"
#include "state/spool_store.hpp"

namespace dynamirror::state {

/// What a state file is for; a file made for one replication is refused for another, and one that remembers work on a
/// table is refused for a later table of the same name.
struct ReplicationIdentity {
  std::string source;  ///< the source table as resolved: ARN, or endpoint/table
  std::string target;
  std::string source_id{};  ///< TableId; empty: unknown, or of no account
  std::string target_id{};
  friend bool operator==(const ReplicationIdentity&, const ReplicationIdentity&) = default;
};

/// The store of one machine: one SQLite file for one replication or copy, with its checkpoints, its scan and its
/// spooled changes, locked against a second process for as long as it is open (the lock dies with the process).
class LocalStore final : public CheckpointStore, public ScanStore, public SpoolStore {
 public:
  /// Opens or creates the file (and its folder). Errors: class conflict when another process holds it (naming the
  /// process when known), when it belongs to another replication (naming both) or when a table was made anew since;
  /// class invalid when it is not a state file, is damaged or cannot be read or written; each with the remedy.
  [[nodiscard]] static Result<std::unique_ptr<LocalStore>> open(const std::filesystem::path& file,
                                                                const ReplicationIdentity& identity);
  ~LocalStore() override;

  [[nodiscard]] Result<std::vector<model::ShardCheckpoint>> load(const StreamArn& stream) override;
  [[nodiscard]] Status save(const StreamArn& stream, std::span<const model::ShardCheckpoint> rows) override;
  [[nodiscard]] Status remove(const StreamArn& stream, std::span<const ShardId> shards) override;
  [[nodiscard]] Result<std::vector<StreamArn>> streams() override;
  [[nodiscard]] Result<std::optional<WallTime>> read_until() override;
  [[nodiscard]] Status save_read_until(WallTime time) override;

  [[nodiscard]] Result<std::optional<ScanJob>> load_scan() override;
  [[nodiscard]] Status save_scan(const ScanJob& job) override;
  [[nodiscard]] Status save_segments(std::span<const ScanSegment> segments) override;
  [[nodiscard]] Status set_scan_phase(std::string_view phase) override;
  [[nodiscard]] Status set_scan_spool(std::string_view id) override;
  [[nodiscard]] Status remove_scan() override;

  [[nodiscard]] Status put_changes(std::span<const model::Change* const> changes) override;
  [[nodiscard]] Result<std::vector<SpooledChange>> changes_after(std::int64_t row, std::size_t most,
                                                                 std::size_t max_bytes) override;
  [[nodiscard]] Status remove_changes_to(std::int64_t row) override;
  [[nodiscard]] Result<std::uint64_t> count_changes() override;
  [[nodiscard]] Result<std::string> spool_id() override;
  [[nodiscard]] Status set_spool_id(std::string_view id) override;

  /// `$XDG_STATE_HOME/dynamirror/<sha-256 of the identity, 16 hex digits>.state`, or below `~/.local/state`.
  /// Errors: class invalid when neither variable is set.
  [[nodiscard]] static Result<std::filesystem::path> default_path(const ReplicationIdentity& identity);

 private:
  struct Impl;
  explicit LocalStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::state
