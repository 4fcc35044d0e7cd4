// SPDX-License-Identifier: Apache-2.0
#include "jobs/segments/segment_leases.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "async/retry.hpp"
#include "aws/content_hash.hpp"

namespace dynamirror::jobs {
namespace {

using coordination::Lease;
using coordination::LeaseWrite;

constexpr std::string_view kFromTheStart = "TRIM_HORIZON";
constexpr std::string_view kSegments = "segments=";
constexpr std::string_view kName = "name=";

std::optional<std::uint32_t> number_in(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::unexpected<Error> unfit(const std::string& table, std::string found) {
  return failure(ErrorClass::kConflict, "share segments through lease table", table,
                 std::move(found) + "; give each job a table of its own, or start over with `leases reset`");
}

/// "<segments>/<n>" behind the prefix.
struct Numbers {
  std::uint32_t segments = 0;
  std::uint32_t segment = 0;
};

std::optional<Numbers> numbers_in(std::string_view rest) {
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto segments = number_in(rest.substr(0, slash));
  const auto segment = number_in(rest.substr(slash + 1));
  if (!segments || !segment || *segment >= *segments) return std::nullopt;
  return Numbers{*segments, *segment};
}

}  // namespace

SegmentLeases::SegmentLeases(const SharedJob& job)
    : prefix_(job.purpose + "/" + aws::sha256_hex(job.identity).substr(0, 16) + "/") {}

std::string SegmentLeases::key_of(std::uint32_t segments, std::uint32_t segment) const {
  const auto width = std::to_string(segments - 1).size();
  return fmt::format("{}{}/{:0{}}", prefix_, segments, segment, width);
}

std::optional<std::uint32_t> SegmentLeases::segment_of(std::string_view key, std::uint32_t segments) const {
  if (!key.starts_with(prefix_)) return std::nullopt;
  const auto numbers = numbers_in(key.substr(prefix_.size()));
  if (!numbers || numbers->segments != segments) return std::nullopt;
  return numbers->segment;
}

LeaseWrite SegmentLeases::announcement(const SharedTerms& terms) const {
  LeaseWrite write{.kind = LeaseWrite::Kind::kCreate, .key = job_key()};
  write.checkpoint = std::string(coordination::kShardEnd);
  write.parents = {std::string(kSegments) + std::to_string(terms.segments)};
  if (!terms.name.empty()) write.parents.push_back(std::string(kName) + terms.name);
  return write;
}

std::optional<SharedTerms> SegmentLeases::terms_of(const Lease& announced) {
  SharedTerms terms;
  for (const std::string& text : announced.parents) {
    if (text.starts_with(kSegments)) terms.segments = number_in(text.substr(kSegments.size())).value_or(0);
    if (text.starts_with(kName)) terms.name = text.substr(kName.size());
  }
  if (terms.segments == 0) return std::nullopt;
  return terms;
}

std::vector<LeaseWrite> SegmentLeases::missing(const SharedTerms& terms, const std::set<std::uint32_t>& there) const {
  std::vector<LeaseWrite> writes;
  for (std::uint32_t segment = 0; segment < terms.segments; ++segment) {
    if (there.contains(segment)) continue;
    LeaseWrite write{.kind = LeaseWrite::Kind::kCreate, .key = key_of(terms.segments, segment)};
    write.checkpoint = std::string(kFromTheStart);
    writes.push_back(std::move(write));
  }
  return writes;
}

Result<SharedJobRows> SegmentLeases::read(const coordination::LeaseRows& rows, const std::string& table) const {
  SharedJobRows found;
  if (rows.foreign > 0) return unfit(table, fmt::format("it holds {} rows that are no leases", rows.foreign));
  for (const Lease& row : rows.leases) {
    if (row.key != job_key()) continue;
    found.terms = terms_of(row);
    found.announced = true;
    if (!found.terms) return unfit(table, "its row " + row.key + " cannot be read");
  }
  for (const Lease& row : rows.leases) {
    if (row.key == job_key()) continue;
    if (!row.key.starts_with(prefix_)) {
      return unfit(table,
                   "it holds leases of another job (\"" + row.key + "\", where ours begin with \"" + prefix_ + "\")");
    }
    const auto numbers = numbers_in(std::string_view(row.key).substr(prefix_.size()));
    if (!numbers) return unfit(table, "it holds the lease \"" + row.key + "\", which is no segment's");
    if (!found.terms) found.terms = SharedTerms{.segments = numbers->segments};
    if (numbers->segments != found.terms->segments) {
      return unfit(table, fmt::format("it holds leases of this job cut into {} and into {} segments",
                                      found.terms->segments, numbers->segments));
    }
    found.there.insert(numbers->segment);
    found.done += row.done() ? 1 : 0;
  }
  return found;
}

std::string to_checkpoint(const source::SegmentPosition& position) {
  if (position.done) return std::string(coordination::kShardEnd);
  return position.after_key_json.empty() ? std::string(kFromTheStart) : position.after_key_json;
}

Result<source::SegmentPosition> to_position(std::uint32_t segment, const std::string& checkpoint) {
  source::SegmentPosition position{.segment = segment};
  if (checkpoint == coordination::kShardEnd) {
    position.done = true;
  } else if (checkpoint.starts_with("{")) {
    position.after_key_json = checkpoint;
  } else if (checkpoint != kFromTheStart) {
    return failure(ErrorClass::kInvalid, "read the checkpoint of", "segment " + std::to_string(segment),
                   "\"" + checkpoint + "\" is no position of a scan");
  }
  return position;
}

async::Task<Result<SharedJobRows>> find_shared_job(coordination::LeaseStore& store, SegmentLeases leases) {
  const coordination::LeaseShare everything;
  const auto rows = co_await store.scan(everything);
  if (!rows) co_return std::unexpected(rows.error());
  co_return leases.read(*rows, store.describe());
}

async::Task<Result<SharedTerms>> join_shared_job(coordination::LeaseStore& store, SegmentLeases leases,
                                                 SharedTerms wanted, const Clock& clock, Random& random) {
  const async::RetryPolicy policy{
      .max_attempts = 5,
      .backoff = {.base = std::chrono::milliseconds(100), .cap = std::chrono::milliseconds(2'000)},
      .give_up_after = std::nullopt};
  constexpr std::chrono::seconds kAnswerTime{10};
  async::Retry retry(policy, random);
  while (true) {  // as often as the policy says
    const coordination::LeaseWrite write = leases.announcement(wanted);
    const auto outcome = co_await store.write(write, clock.steady_now() + kAnswerTime);
    if (outcome && *outcome == coordination::LeaseStore::Outcome::kDone) co_return wanted;
    const auto row = co_await store.get(leases.job_key());
    if (row && *row) {
      const auto terms = SegmentLeases::terms_of(**row);
      if (terms) co_return *terms;
      co_return unfit(store.describe(), "its row " + leases.job_key() + " cannot be read");
    }
    std::optional<Error> trouble;
    if (!row) trouble = row.error();
    if (!outcome && (!trouble || trouble->retryable())) trouble = outcome.error();
    bool again = !trouble || trouble->retryable();
    if (again) again = co_await retry.again();
    if (!again && trouble) co_return std::unexpected(std::move(*trouble));
    if (!again) co_return unfit(store.describe(), "its row " + leases.job_key() + " comes and goes");
  }
}

}  // namespace dynamirror::jobs
