// SPDX-License-Identifier: Apache-2.0
#include "state/impl/scan_rows.hpp"

#include <utility>

#include "state/impl/facts.hpp"

namespace dynamirror::state {
namespace {

using sqlite::Answer;
using sqlite::Database;

Answer<> insert_segments(const Database& database, std::span<const ScanSegment> segments) {
  auto upsert = database.prepare("INSERT OR REPLACE INTO scan_segments VALUES (?, ?, ?)");
  if (!upsert) return std::unexpected(upsert.error());
  for (const ScanSegment& segment : segments) {
    const std::string number = std::to_string(segment.segment);
    upsert->bind(1, number);
    upsert->bind(2, segment.after_key_json);
    upsert->bind(3, segment.done ? "1" : "0");
    if (auto done = upsert->run(); !done) return done;
  }
  return {};
}

Answer<> insert_job(const Database& database, const ScanJob& job) {
  auto insert = database.prepare("INSERT INTO scan_job VALUES (1, ?, ?, ?, ?, ?, ?)");
  if (!insert) return std::unexpected(insert.error());
  const std::string share = std::to_string(job.share);
  const std::string shares = std::to_string(job.shares);
  const std::string split = std::to_string(job.split);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(job.begun.time_since_epoch());
  const std::string begun = std::to_string(seconds.count());
  insert->bind(1, job.purpose);
  insert->bind(2, job.phase);
  insert->bind(3, share);
  insert->bind(4, shares);
  insert->bind(5, split);
  insert->bind(6, begun);
  return insert->run();
}

}  // namespace

Answer<std::optional<ScanJob>> read_scan(const Database& database) {
  auto jobs = database.prepare("SELECT purpose, phase, share, shares, split, begun FROM scan_job");
  if (!jobs) return std::unexpected(jobs.error());
  const auto has_row = jobs->step();
  if (!has_row) return std::unexpected(has_row.error());
  if (!*has_row) return std::optional<ScanJob>();
  ScanJob job{.purpose = std::string(jobs->text(0)),
              .phase = std::string(jobs->text(1)),
              .share = static_cast<std::uint32_t>(jobs->integer(2)),
              .shares = static_cast<std::uint32_t>(jobs->integer(3)),
              .split = static_cast<std::uint32_t>(jobs->integer(4)),
              .begun = WallTime(std::chrono::seconds(jobs->integer(5)))};
  auto spool = read_fact(database, kScanSpoolFact);
  if (!spool) return std::unexpected(spool.error());
  job.spool = std::move(*spool);
  auto segments = database.prepare("SELECT segment, after_key, done FROM scan_segments ORDER BY segment");
  if (!segments) return std::unexpected(segments.error());
  while (true) {  // ends with the table's last row
    const auto row = segments->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return job;
    job.segments.push_back({.segment = static_cast<std::uint32_t>(segments->integer(0)),
                            .after_key_json = std::string(segments->text(1)),
                            .done = segments->integer(2) != 0});
  }
}

Answer<> write_scan(const Database& database, const ScanJob& job) {
  auto transaction = sqlite::Transaction::begin(database);
  if (!transaction) return std::unexpected(transaction.error());
  if (auto cleared = database.execute("DELETE FROM scan_job; DELETE FROM scan_segments;"); !cleared) return cleared;
  if (auto inserted = insert_job(database, job); !inserted) return inserted;
  if (auto kept = write_fact(database, kScanSpoolFact, job.spool); !kept) return kept;
  if (auto inserted = insert_segments(database, job.segments); !inserted) return inserted;
  return transaction->commit();
}

Answer<> write_segments(const Database& database, std::span<const ScanSegment> segments) {
  auto transaction = sqlite::Transaction::begin(database);
  if (!transaction) return std::unexpected(transaction.error());
  if (auto inserted = insert_segments(database, segments); !inserted) return inserted;
  return transaction->commit();
}

Answer<> write_phase(const Database& database, std::string_view phase) {
  auto update = database.prepare("UPDATE scan_job SET phase = ?");
  if (!update) return std::unexpected(update.error());
  update->bind(1, phase);
  return update->run();
}

Answer<> erase_scan(const Database& database) {
  auto transaction = sqlite::Transaction::begin(database);
  if (!transaction) return std::unexpected(transaction.error());
  if (auto cleared = database.execute("DELETE FROM scan_job; DELETE FROM scan_segments;"); !cleared) return cleared;
  return transaction->commit();
}

}  // namespace dynamirror::state
