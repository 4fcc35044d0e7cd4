// SPDX-License-Identifier: Apache-2.0
#include "jobs/prepare/preflight.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "jobs/prepare/make_table.hpp"
#include "source/table_stream.hpp"

namespace dynamirror::jobs {
namespace {

using Failures = std::vector<JobFailure>;

/// Both sides may lack the same credentials: once is enough.
void add(Failures& failures, Error error) {
  const std::string line = to_line(error);
  const bool known = std::any_of(failures.begin(), failures.end(),
                                 [&](const JobFailure& failure) { return to_line(failure.error) == line; });
  if (known) return;
  const Reason reason = reason_for(error);
  failures.push_back({reason, std::move(error)});
}

bool denies_access(const Error& error) { return reason_for(error) == Reason::kDenied; }

/// A table that is not there: named as the user named it, with what to do.
Error explain(Error error, const TableSide& side, std::string_view remedy) {
  if (error.error_class != ErrorClass::kNotFound) return error;
  error.resource = side.display();
  error.message = "there is no such table; " + std::string(remedy);
  return error;
}

void add_not_ready(Failures& failures, std::string doing, std::string resource, std::string message) {
  failures.push_back({Reason::kNotReady, Error{.error_class = ErrorClass::kInvalid,
                                               .doing = std::move(doing),
                                               .resource = std::move(resource),
                                               .code = {},
                                               .message = std::move(message)}});
}

/// The table once it is usable. A missing target is created when there is a `model` to create it from.
async::Task<Result<aws::TableDescription>> find_table(TableSide& side, const aws::TableDescription* model) {
  auto table = co_await side.dynamodb().describe_table(side.address().table);
  if (!table && table.error().error_class == ErrorClass::kNotFound && model != nullptr) {
    auto made = co_await make_table_like(side, *model);
    if (made) say_what_is_left_out(side, *model);
    co_return made;
  }
  if (!table) co_return table;
  co_return co_await once_usable(side, std::move(*table));
}

/// A table that is UPDATING takes no other change, and a stream that was just turned on has not begun before the table
/// is ACTIVE again.
async::Task<Result<aws::TableDescription>> turn_stream_on(TableSide& side, bool active) {
  const aws::WaitOptions wait;
  if (!active) {
    log::info("waiting for the table to become active, to turn its stream on", {{"table", side.display()}});
    auto waited = co_await side.dynamodb().wait_until_active(side.address().table, wait);
    if (!waited) co_return waited;
  }
  log::info("turning the table's stream on", {{"table", side.display()}});
  const std::string view_type = "NEW_AND_OLD_IMAGES";
  auto updated = co_await side.dynamodb().enable_stream(side.address().table, view_type);
  auto table = co_await side.dynamodb().wait_until_active(side.address().table, wait);
  // Refused, but on: another process was quicker, or the answer was lost.
  if (!updated && !(table && table->stream.enabled)) co_return updated;
  co_return table;
}

/// Nothing, or why the stream cannot be read: one page of shards, one iterator, one read at the tip.
async::Task<std::optional<Error>> probe_stream(TableSide& side, const StreamArn& stream, const model::KeySchema& key) {
  const aws::DescribeStreamOptions first_page;
  auto description = co_await side.streams().describe_stream(stream, first_page);
  // A stream that is busy is the reader's business: it waits as long as need be.
  if (!description && description.error().error_class == ErrorClass::kThrottled) co_return std::nullopt;
  if (!description) co_return std::move(description.error());
  if (description->shards.empty()) co_return std::nullopt;
  const ShardId shard = description->shards.front().id;
  const model::Checkpoint tip = model::Latest{};
  auto iterator = co_await side.streams().get_shard_iterator(stream, shard, tip);
  std::optional<Error> trouble;
  if (iterator) {
    const aws::GetRecordsOptions options{.iterator = *iterator, .limit = 1, .shard = shard};
    const auto page = co_await side.streams().get_records(stream, key, options);
    if (!page) trouble = page.error();
  } else {
    trouble = iterator.error();
  }
  // A busy or just trimmed shard is the reader's business; here only a lasting refusal counts.
  if (trouble && !denies_access(*trouble)) trouble.reset();
  co_return trouble;
}

/// A key that is never written: the probes' condition cannot hold.
std::string probe_key(const model::KeySchema& schema) {
  const auto member = [](const model::KeyAttribute& attribute) {
    const std::string_view value = attribute.type == "N" ? "0" : attribute.type == "B" ? "AAAA" : "dynamirror-probe";
    return json_quoted(attribute.name) + ":{\"" + attribute.type + "\":\"" + std::string(value) + "\"}";
  };
  return "{" + member(schema.hash) + (schema.range ? "," + member(*schema.range) : "") + "}";
}

async::Task<std::optional<Error>> probe_writing(TableSide& side, const model::KeySchema& schema) {
  const std::string key = probe_key(schema);
  const std::string names = "{\"#k\":" + json_quoted(schema.hash.name) + "}";
  const aws::WriteOptions impossible{.condition_expression = "attribute_exists(#k) AND attribute_not_exists(#k)",
                                     .expression_names_json = names};
  auto put = co_await side.dynamodb().put_item(side.address().table, key, impossible);
  if (!put && denies_access(put.error())) co_return std::move(put.error());
  auto removed = co_await side.dynamodb().delete_item(side.address().table, key, impossible);
  if (!removed && denies_access(removed.error())) co_return std::move(removed.error());
  co_return std::nullopt;
}

/// Nothing, or why items cannot be read by their keys.
async::Task<std::optional<Error>> probe_reading(TableSide& side, const model::KeySchema& schema) {
  const std::string key = probe_key(schema);
  const aws::GetItemOptions consistent;
  const auto item = co_await side.dynamodb().get_item(side.address().table, key, consistent);
  if (item || !denies_access(item.error())) co_return std::nullopt;
  Error error = item.error();
  error.message += "; changes are applied by reading their items from this table, the source";
  co_return error;
}

/// Finds, or turns on, the source's stream, and tries to read it. Empty when that failed, with the reason added, and
/// when changes come from elsewhere.
async::Task<StreamArn> prepare_stream(TableSide& side, aws::TableDescription description, PreflightOptions options,
                                      Failures& failures) {
  if (options.changes_elsewhere) {
    if (auto trouble = co_await probe_reading(side, description.key)) add(failures, std::move(*trouble));
    co_return StreamArn();
  }
  if (options.enable_stream && !options.dry_run && !description.stream.enabled) {
    auto updated = co_await turn_stream_on(side, description.active());
    if (!updated) {
      add(failures, std::move(updated.error()));
      co_return StreamArn();
    }
    description = std::move(*updated);
  }
  auto stream = source::find_stream(description, side.display());
  if (!stream) {
    failures.push_back({Reason::kNotReady, std::move(stream.error())});
    co_return StreamArn();
  }
  if (auto trouble = co_await probe_stream(side, *stream, description.key)) add(failures, std::move(*trouble));
  if (options.reads_items || source::tells_keys_only(description)) {
    if (auto trouble = co_await probe_reading(side, description.key)) add(failures, std::move(*trouble));
  }
  co_return *stream;
}

/// The target that a real run would create.
aws::TableDescription planned_target(const aws::TableDescription& source, TableName name) {
  aws::TableDescription planned = source;
  planned.name = std::move(name);
  planned.arn.clear();
  planned.id.clear();
  planned.stream = {};
  return planned;
}

/// Compares the two tables' descriptions, adding what does not fit.
void compare_tables(const TableSide& source, const aws::TableDescription& source_table, const TableSide& target,
                    const aws::TableDescription& target_table, Failures& failures) {
  // DynamoDB Local gives tables of one name the same ARN wherever they are: the endpoint counts, too.
  if (source.endpoint() == target.endpoint() && source_table.arn == target_table.arn) {
    add_not_ready(failures, "replicate", source.display(), "source and target are the same table");
  } else if (source_table.key != target_table.key) {
    add_not_ready(failures, "compare key schemas of", source.display() + " and " + target.display(),
                  "the source's key is " + describe(source_table.key) + ", the target's is " +
                      describe(target_table.key) + "; both must be equal");
  }
}

}  // namespace

async::Task<std::expected<PreparedSource, std::vector<JobFailure>>> preflight_source(TableSide& source,
                                                                                     PreflightOptions options) {
  Failures failures;
  auto table = co_await find_table(source, nullptr);
  if (!table) {
    add(failures, explain(std::move(table.error()), source, "check its name, region and account"));
    co_return std::unexpected(std::move(failures));
  }
  StreamArn stream = co_await prepare_stream(source, *table, options, failures);
  if (!failures.empty()) co_return std::unexpected(std::move(failures));
  co_return PreparedSource{std::move(*table), std::move(stream)};
}

async::Task<std::expected<aws::TableDescription, std::vector<JobFailure>>> preflight_target(TableSide& target) {
  Failures failures;
  auto table = co_await find_table(target, nullptr);
  if (!table) {
    add(failures, explain(std::move(table.error()), target, "check its name, region and account"));
  } else if (auto trouble = co_await probe_writing(target, table->key)) {
    add(failures, std::move(*trouble));
  }
  if (!failures.empty()) co_return std::unexpected(std::move(failures));
  co_return std::move(*table);
}

async::Task<std::expected<Prepared, std::vector<JobFailure>>> preflight(TableSide& source, TableSide& target,
                                                                        PreflightOptions options) {
  Failures failures;
  auto source_table = co_await find_table(source, nullptr);
  StreamArn stream;
  if (!source_table) {
    add(failures, explain(std::move(source_table.error()), source, "check its name, region and account"));
  } else {
    stream = co_await prepare_stream(source, *source_table, options, failures);
  }

  const bool create = options.create_target && !options.dry_run && failures.empty();
  auto target_table = co_await find_table(target, create ? &*source_table : nullptr);
  if (!target_table) {
    const bool to_be_made = options.create_target && target_table.error().error_class == ErrorClass::kNotFound;
    if (to_be_made && options.dry_run && failures.empty()) {
      aws::TableDescription planned = planned_target(*source_table, target.address().table);
      co_return Prepared{std::move(*source_table), std::move(planned), std::move(stream)};
    }
    // A target that is to be made is no finding: what keeps it from being made has been said.
    if (!to_be_made || failures.empty()) {
      add(failures, explain(std::move(target_table.error()), target,
                            "start with --create-target to make it from the source's description"));
    }
    co_return std::unexpected(std::move(failures));
  }
  if (source_table) compare_tables(source, *source_table, target, *target_table, failures);
  if (!options.dry_run) {
    if (auto trouble = co_await probe_writing(target, target_table->key)) add(failures, std::move(*trouble));
  }
  if (!failures.empty()) co_return std::unexpected(std::move(failures));
  co_return Prepared{std::move(*source_table), std::move(*target_table), std::move(stream)};
}

}  // namespace dynamirror::jobs
