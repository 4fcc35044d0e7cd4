// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "async/stop_request.hpp"
#include "base/clock.hpp"
#include "objects/object_store.hpp"
#include "pipeline/job_failure.hpp"

namespace dynamirror::jobs {

/// What kind of backup stands at an address.
enum class BackupKind {
  kDump,         ///< ours: with a manifest
  kOldDump,      ///< of mapbox's backup-table: the same objects without a manifest; completeness cannot be checked
  kSnapshot,     ///< one object, an item a line
  kIncremental,  ///< one object for each item
  kFullExport,   ///< DynamoDB's own export to S3
  kIncrementalExport,  ///< its changes between two moments
};

/// For messages: "dump", "snapshot", …
[[nodiscard]] std::string_view to_string(BackupKind kind);

/// One object of lines, and what it must hold as far as somebody has written that down.
struct RestorePart {
  std::string key;
  std::uint64_t size_bytes = 0;
  std::optional<std::uint64_t> items{};
  std::optional<std::string> sha256{};      ///< of the object, in hex
  std::optional<std::string> md5_base64{};  ///< likewise
};

/// Which part of a backup one of several processes restores: every so manieth object.
struct RestoreShare {
  std::uint32_t index = 0;
  std::uint32_t count = 1;
};

/// Everything a restore needs to know before it writes the first item.
struct RestorePlan {
  BackupKind kind = BackupKind::kSnapshot;
  RestoreShare share{};                        ///< an incremental folder is divided while it is read
  std::vector<RestorePart> parts{};            ///< none for an incremental folder, which is listed while it is read
  std::string folder{};                        ///< of an incremental backup: `<table>/`
  std::optional<std::string> settings_json{};  ///< of the table as it was, see aws::TableSettings
  std::optional<std::uint64_t> items{};        ///< of this share, when known
  std::vector<std::string> warnings{};
};

/// An address that names a backup by a file that belongs to it, cut down to that of the backup:
/// `…/manifest-summary.json` or `…/manifest-files.json` of an export, `JOBID.manifest….json` or `JOBID.table.json` of a
/// dump. Others as they are.
[[nodiscard]] std::string without_manifest(std::string address);

/// Finds out what stands at `name` of a store (the last part of the address that the user gave) and checks that it is
/// complete: every manifest there, every part of the share there with its size.
/// Errors: class not found when nothing restorable stands there; class invalid for a backup that is incomplete or in a
/// format that we do not read; both say what is missing; that of StopRequest::check once a stop was requested.
[[nodiscard]] async::Task<Result<RestorePlan>> plan_restore(objects::ObjectStore& store, std::string name,
                                                            const StopRequest& stop, RestoreShare share = {});

}  // namespace dynamirror::jobs
