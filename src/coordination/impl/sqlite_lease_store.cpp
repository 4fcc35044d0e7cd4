// SPDX-License-Identifier: Apache-2.0
#include "coordination/sqlite_lease_store.hpp"

#include <algorithm>
#include <utility>

#include "async/disk_thread.hpp"
#include "coordination/impl/lease_file.hpp"
#include "coordination/lease_rules.hpp"

namespace dynamirror::coordination {

struct SqliteLeaseStore::Impl {
  Options options;
  LeaseFile file;
  const Clock& clock;
  Random& random;
  Statistics statistics{};

  /// Does `attempt`, beside the loop, until the file is not locked or the time is up.
  template <class T, class Attempt>
  async::Task<Result<T>> repeat(const char* doing, SteadyTime end, Attempt attempt) {
    const async::RetryPolicy policy{.max_attempts = async::RetryPolicy::kUnlimited,
                                    .backoff = options.backoff,
                                    .give_up_after = std::nullopt,
                                    .worth_another = async::is_throttled};
    async::Retry retry(policy, clock, random, {.not_after = end});
    while (true) {  // until the end
      ++statistics.requests;
      sqlite::Answer<T> answer = co_await async::on_disk_thread(attempt);
      if (answer) co_return std::move(*answer);
      auto failed = lease_file_failure(doing, options.file, answer.error());
      const bool again = co_await retry.again(failed.error());
      if (!again) co_return failed;
    }
  }

  [[nodiscard]] SteadyTime end() const { return clock.steady_now() + options.give_up_after; }
};

SqliteLeaseStore::SqliteLeaseStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteLeaseStore::~SqliteLeaseStore() = default;

Result<std::unique_ptr<SqliteLeaseStore>> SqliteLeaseStore::open(Options options, const Clock& clock, Random& random) {
  auto file = LeaseFile::open(options.file, options.job);
  if (!file) return std::unexpected(std::move(file.error()));
  auto impl = std::unique_ptr<Impl>(new Impl{std::move(options), std::move(*file), clock, random});
  return std::unique_ptr<SqliteLeaseStore>(new SqliteLeaseStore(std::move(impl)));
}

async::Task<Result<LeaseRows>> SqliteLeaseStore::scan(LeaseShare share) {
  auto attempt = [this, share] { return impl_->file.scan(share); };
  auto leases = co_await impl_->repeat<std::vector<Lease>>("scan leases", impl_->end(), attempt);
  if (!leases) co_return std::unexpected(std::move(leases.error()));
  co_return LeaseRows{.leases = std::move(*leases)};
}

async::Task<Result<std::optional<Lease>>> SqliteLeaseStore::get(std::string key) {
  auto attempt = [this, &key] { return impl_->file.find(key); };
  co_return co_await impl_->repeat<std::optional<Lease>>("get lease", impl_->end(), attempt);
}

async::Task<Result<LeaseStore::Outcome>> SqliteLeaseStore::write(LeaseWrite write, SteadyTime not_after) {
  bool late = false;
  auto attempt = [this, &write, not_after, &late]() -> sqlite::Answer<bool> {
    late = impl_->clock.steady_now() >= not_after;  // what went before may have taken long
    return late ? sqlite::Answer<bool>(false) : impl_->file.write(write);
  };
  const auto done = co_await impl_->repeat<bool>("write lease", std::min(not_after, impl_->end()), attempt);
  if (late) co_return std::unexpected(too_late_to_write(write.key, describe()));
  if (!done) co_return std::unexpected(done.error());
  co_return *done ? Outcome::kDone : Outcome::kConflict;
}

std::string SqliteLeaseStore::describe() const { return impl_->options.file.string(); }
LeaseStore::Statistics SqliteLeaseStore::statistics() const { return impl_->statistics; }

}  // namespace dynamirror::coordination
