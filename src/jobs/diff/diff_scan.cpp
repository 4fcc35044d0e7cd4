// SPDX-License-Identifier: Apache-2.0
#include "jobs/diff/diff_scan.hpp"

#include <utility>

#include "aws/errors.hpp"
#include "jobs/segments/diff_parallel.hpp"

namespace dynamirror::jobs {
namespace {

/// Items of one page that are looked up or written at once; several pages are under way.
constexpr std::size_t kPageWidth = 8;

std::unexpected<Error> stopped() {
  return failure(ErrorClass::kConflict, "compare", {}, "stopped as asked before the end");
}

}  // namespace

Result<DiffRecord> DiffItemReader::read(DiffSide side, std::string_view item_json) {
  const auto key = keys_.from_item(item_json);
  if (!key) return aws::unreadable_answer(key.error());
  const auto digests = digester_.digest_with_key(item_json, keys_.schema());
  if (!digests) return unreadable_item(digests.error(), *key);
  return DiffRecord{.side = side, .key = digests->key, .item = digests->item, .key_json = *key};
}

async::Task<Status> DigestReceiver::take(aws::ScanPage page, source::SegmentPosition) {
  if (stop_.requested()) co_return stopped();
  for (std::size_t i = 0; i < page.size(); ++i) {
    const auto record = reader_.read(side_, page.item(i));
    if (!record) co_return std::unexpected(record.error());
    if (auto added = join_.add(*record); !added) co_return std::unexpected(std::move(added.error()));
  }
  co_return Status{};
}

async::Task<Status> ProbeReceiver::take(aws::ScanPage page, source::SegmentPosition) {
  if (stop_.requested()) co_return stopped();
  const auto probe_item = [this, &page](std::size_t i) { return probe(page.item(i)); };
  co_return co_await for_each_in_parallel(page.size(), kPageWidth, probe_item);
}

async::Task<Status> ProbeReceiver::probe(std::string_view item_json) {
  auto record = reader_.read(side_, item_json);
  if (!record) co_return std::unexpected(std::move(record.error()));
  const std::string key_json(record->key_json);  // the reader's own text is gone when others are read
  const auto counterpart = co_await other_.get(key_json);
  if (!counterpart) co_return std::unexpected(counterpart.error());
  record->key_json = key_json;
  if (!*counterpart) co_return join_.add(*record);
  // What is there on both sides is compared from the primary's items; the replica's tell what is in it alone.
  if (side_ == DiffSide::kReplica) co_return Status{};
  const auto digest = reader_.digest(**counterpart);
  if (!digest) co_return unreadable_item(digest.error(), key_json);
  if (*digest == record->item) co_return Status{};
  if (auto added = join_.add(*record); !added) co_return added;
  record->side = DiffSide::kReplica;
  record->item = *digest;
  co_return join_.add(*record);
}

async::Task<Status> BackfillReceiver::take(aws::ScanPage page, source::SegmentPosition) {
  if (stop_.requested()) co_return stopped();
  const auto bring_item = [this, &page](std::size_t i) { return bring(page.item(i)); };
  co_return co_await for_each_in_parallel(page.size(), kPageWidth, bring_item);
}

async::Task<Status> BackfillReceiver::bring(std::string_view item_json) {
  const auto record = reader_.read(DiffSide::kPrimary, item_json);
  if (!record) co_return std::unexpected(record.error());
  const std::string key_json(record->key_json);
  // A put that fails because the item is there costs as much as one that succeeds, and a read much less.
  const bool mostly_there = counts_.equal > counts_.put;
  Result<RepairOutcome> outcome = RepairOutcome::kEqual;
  if (mostly_there) {
    outcome = co_await repairer_.repair(key_json);
  } else {
    outcome = co_await repairer_.repair_missing(key_json, std::string(item_json));
  }
  if (!outcome) co_return std::unexpected(outcome.error());
  if (*outcome != RepairOutcome::kEqual) report_(key_json, *outcome);
  if (*outcome == RepairOutcome::kEqual) ++counts_.equal;
  if (*outcome == RepairOutcome::kPut) ++counts_.put;
  if (*outcome == RepairOutcome::kDeleted) ++counts_.deleted;
  if (*outcome == RepairOutcome::kChanging || *outcome == RepairOutcome::kRefused) ++counts_.unrepaired;
  co_return Status{};
}

}  // namespace dynamirror::jobs
