// SPDX-License-Identifier: Apache-2.0
#include "state/impl/facts.hpp"

namespace dynamirror::state {

sqlite::Answer<std::string> read_fact(const sqlite::Database& database, std::string_view name) {
  auto select = database.prepare("SELECT value FROM facts WHERE name = ?");
  if (!select) return std::unexpected(select.error());
  select->bind(1, name);
  const auto row = select->step();
  if (!row) return std::unexpected(row.error());
  return *row ? std::string(select->text(0)) : std::string();
}

sqlite::Answer<> write_fact(const sqlite::Database& database, std::string_view name, std::string_view value) {
  auto upsert = database.prepare("INSERT OR REPLACE INTO facts VALUES (?, ?)");
  if (!upsert) return std::unexpected(upsert.error());
  upsert->bind(1, name);
  upsert->bind(2, value);
  return upsert->run();
}

}  // namespace dynamirror::state
