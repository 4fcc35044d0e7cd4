// SPDX-License-Identifier: Apache-2.0
#include "state/impl/table_ids.hpp"

#include <array>
#include <string>
#include <string_view>

#include "state/impl/facts.hpp"
#include "state/impl/state_file.hpp"

namespace dynamirror::state {
namespace {

struct TableOfFile {
  std::string_view fact;
  const std::string& name;
  const std::string& id;
};

std::array<TableOfFile, 2> tables_of(const ReplicationIdentity& identity) {
  return {TableOfFile{kSourceIdFact, identity.source, identity.source_id},
          TableOfFile{kTargetIdFact, identity.target, identity.target_id}};
}

/// A file whose work has ended, as that of a finished copy, has nothing to say of the next table.
sqlite::Answer<bool> remembers_work(const sqlite::Database& database) {
  const auto rows =
      database.query_integer("SELECT (SELECT count(*) FROM checkpoints) + (SELECT count(*) FROM scan_job)");
  if (!rows) return std::unexpected(rows.error());
  return *rows > 0;
}

}  // namespace

Status check_table_ids(const sqlite::Database& database, const std::filesystem::path& file,
                       const ReplicationIdentity& identity) {
  const auto working = remembers_work(database);
  if (!working) return state_failure("open state file", file, working.error());
  if (!*working) return {};
  for (const TableOfFile& table : tables_of(identity)) {
    const auto known = read_fact(database, table.fact);
    if (!known) return state_failure("open state file", file, known.error());
    if (known->empty() || table.id.empty() || *known == table.id) continue;
    return failure(ErrorClass::kConflict, "open state file", file.string(),
                   "the table " + table.name + " was deleted and made anew since (its id was " + *known +
                       ", now it is " + table.id +
                       "), so what this file remembers is not true of it; remove the file, or choose another with "
                       "--state, to start over (replicate: with --initial-load)");
  }
  return {};
}

sqlite::Answer<> keep_table_ids(const sqlite::Database& database, const ReplicationIdentity& identity) {
  for (const TableOfFile& table : tables_of(identity)) {
    if (table.id.empty()) continue;
    const auto known = read_fact(database, table.fact);
    if (!known) return std::unexpected(known.error());
    if (*known == table.id) continue;
    if (auto kept = write_fact(database, table.fact, table.id); !kept) return kept;
  }
  return {};
}

}  // namespace dynamirror::state
