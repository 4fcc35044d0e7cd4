// SPDX-License-Identifier: Apache-2.0
#include "state/impl/spool_rows.hpp"

namespace dynamirror::state {

sqlite::Answer<> write_changes(const sqlite::Database& database, std::span<const model::Change* const> changes) {
  auto transaction = sqlite::Transaction::begin(database);
  if (!transaction) return std::unexpected(transaction.error());
  auto upsert = database.prepare(
      "INSERT INTO spooled_changes(key, image) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET image = excluded.image");
  if (!upsert) return std::unexpected(upsert.error());
  for (const model::Change* change : changes) {
    upsert->bind(1, change->key());
    upsert->bind(2, change->is_delete() ? std::string_view("") : change->image());
    if (auto done = upsert->run(); !done) return done;
  }
  return transaction->commit();
}

sqlite::Answer<std::vector<SpooledChange>> read_changes(const sqlite::Database& database, std::int64_t after_row,
                                                        std::size_t most, std::size_t max_bytes) {
  auto select = database.prepare(
      "SELECT number, key, image FROM spooled_changes WHERE number > CAST(? AS INTEGER) ORDER BY number");
  if (!select) return std::unexpected(select.error());
  const std::string after = std::to_string(after_row);
  select->bind(1, after);
  std::vector<SpooledChange> changes;
  std::size_t bytes = 0;
  while (changes.size() < most && bytes < max_bytes) {
    const auto row = select->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return changes;
    changes.push_back(
        {.row = select->integer(0), .key = std::string(select->text(1)), .image = std::string(select->text(2))});
    bytes += changes.back().key.size() + changes.back().image.size();
  }
  select->reset();
  return changes;
}

sqlite::Answer<> erase_changes(const sqlite::Database& database, std::int64_t to_row) {
  auto erase = database.prepare("DELETE FROM spooled_changes WHERE number <= CAST(? AS INTEGER)");
  if (!erase) return std::unexpected(erase.error());
  const std::string to = std::to_string(to_row);
  erase->bind(1, to);
  return erase->run();
}

}  // namespace dynamirror::state
