// SPDX-License-Identifier: Apache-2.0
#include "jobs/prepare/copy_preflight.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "async/backoff.hpp"
#include "async/retry.hpp"
#include "async/sleep.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "jobs/prepare/make_table.hpp"

namespace dynamirror::jobs {
namespace {

std::unexpected<JobFailure> not_ready(std::string doing, std::string resource, std::string message) {
  return job_failure(Reason::kNotReady, Error{.error_class = ErrorClass::kInvalid,
                                              .doing = std::move(doing),
                                              .resource = std::move(resource),
                                              .code = {},
                                              .message = std::move(message)});
}

std::unexpected<JobFailure> not_found(const TableSide& side, Error error, std::string_view remedy) {
  if (error.error_class == ErrorClass::kNotFound) {
    error.resource = side.display();
    error.message = "there is no such table; " + std::string(remedy);
  }
  return job_failure(std::move(error));
}

}  // namespace

async::Task<JobResult<CopyTables>> copy_preflight(TableSide& source, TableSide& target, CopyPreflightOptions options) {
  auto model = co_await source.dynamodb().describe_table(source.address().table);
  if (model) model = co_await once_usable(source, std::move(*model));
  if (!model) co_return not_found(source, std::move(model.error()), "check its name, region and account");

  auto target_table = co_await target.dynamodb().describe_table(target.address().table);
  if (!target_table && target_table.error().error_class == ErrorClass::kNotFound && options.create_target) {
    if (options.dry_run) {
      aws::TableDescription planned = *model;
      planned.name = target.address().table;
      planned.id.clear();
      co_return CopyTables{std::move(*model), std::move(planned), true};
    }
    target_table = co_await make_table_like(target, *model);
    if (target_table) say_what_is_left_out(target, *model);
  }
  if (target_table) target_table = co_await once_usable(target, std::move(*target_table));
  if (!target_table) {
    co_return not_found(target, std::move(target_table.error()),
                        "start with --create-target to make it from the source's description");
  }
  // DynamoDB Local gives tables of one name the same ARN wherever they are: the endpoint counts, too.
  if (source.endpoint() == target.endpoint() && model->arn == target_table->arn) {
    co_return not_ready("copy", source.display(), "source and target are the same table");
  }
  if (model->key != target_table->key) {
    co_return not_ready("compare key schemas of", source.display() + " and " + target.display(),
                        "the source's key is " + describe(model->key) + ", the target's is " +
                            describe(target_table->key) + "; both must be equal");
  }
  co_return CopyTables{std::move(*model), std::move(*target_table), false};
}

async::Task<Result<bool>> has_items(TableSide& table, Random& random) {
  const async::RetryPolicy policy{
      .max_attempts = 8,
      .backoff = {.base = std::chrono::milliseconds(100), .cap = std::chrono::milliseconds(5'000)},
      .give_up_after = std::nullopt};
  const aws::ScanOptions one_item{.limit = 1, .consistent = true};
  const auto scan = [&] { return table.dynamodb().scan(table.address().table, one_item); };
  auto page = co_await async::retried(async::Retry(policy, random), scan);
  if (!page) co_return std::unexpected(std::move(page.error()));
  co_return page->size() > 0 || !page->last_key_json().empty();
}

CopyEstimate estimate_copy(const aws::TableDescription& table, EstimateOptions options) {
  const double items = static_cast<double>(table.item_count) / options.shares;
  const double bytes = static_cast<double>(table.size_bytes) / options.shares;
  const double units_an_item = items > 0 ? std::max(1.0, std::ceil(bytes / items / 1024)) : 0;
  return {.items = items,
          .bytes = bytes,
          .read_units = bytes / 4096 * (options.consistent ? 1 : 0.5),
          .write_units = items * units_an_item};
}

std::string to_text(const CopyEstimate& estimate) {
  const auto count = [](double number) { return format_count(static_cast<std::uint64_t>(std::ceil(number))); };
  return fmt::format("about {} items, {} bytes: {} read units, {} write units (without indexes)", count(estimate.items),
                     count(estimate.bytes), count(estimate.read_units), count(estimate.write_units));
}

}  // namespace dynamirror::jobs
