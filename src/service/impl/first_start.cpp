// SPDX-License-Identifier: Apache-2.0
#include "service/impl/first_start.hpp"

#include <optional>
#include <utility>

#include "base/log.hpp"

namespace dynamirror::service {
namespace {

using jobs::JobResult;

/// Whether the state file knows nothing of the pair: shards are in it before the first change is read.
Result<bool> knows_nothing(state::CheckpointStore& store) {
  const auto streams = store.streams();
  if (!streams) return std::unexpected(streams.error());
  const auto read_until = store.read_until();
  if (!read_until) return std::unexpected(read_until.error());
  return streams->empty() && !*read_until;
}

/// Nothing when the target may be asked.
std::optional<JobResult<void>> settled_without_a_look(const FirstStart& start) {
  if (start.meant) return JobResult<void>{};
  const auto unknown = knows_nothing(start.store);
  if (!unknown) return jobs::job_failure(jobs::Reason::kState, unknown.error());
  if (!*unknown) return JobResult<void>{};
  return std::nullopt;
}

JobResult<void> judge(const FirstStart& start, const Target::Fit& fit, bool filled) {
  if (!filled) return {};
  Error error{.error_class = ErrorClass::kConflict,
              .doing = "start without a checkpoint",
              .resource = fit.display,
              .code = {},
              .message =
                  "the target holds items, and the state file knows nothing of this pair: they would go back to "
                  "the older states that the stream holds, until all of it is applied; " +
                  fit.remedy};
  if (!start.dry_run) return jobs::job_failure(jobs::Reason::kState, std::move(error));
  log::warning("the real run would be refused", {{"error", to_line(error)}});
  return {};
}

}  // namespace

async::Task<JobResult<void>> check_first_start(FirstStart start, Target& target, const Target::Fit& fit) {
  if (auto settled = settled_without_a_look(start)) co_return std::move(*settled);
  const auto filled = co_await target.holds_items();
  if (filled) co_return judge(start, fit, *filled);
  if (filled.error().error_class != ErrorClass::kDenied || !fit.counted) co_return jobs::job_failure(filled.error());
  log::warning("whether the target holds items is known from its description only; allow dynamodb:Scan there",
               {{"items", std::to_string(*fit.counted)}, {"error", to_line(filled.error())}});
  co_return judge(start, fit, *fit.counted > 0);
}

}  // namespace dynamirror::service
