// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cassert>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordination/lease_store.hpp"
#include "coordination/memory_lease_store.hpp"
#include "coordination/sqlite_lease_store.hpp"
#include "support/temp_folder.hpp"

namespace dynamirror::coordination {

/// Leases somewhere, and workers that use them, on one event loop of its own. Not thread-safe.
class LeaseBackend {
 public:
  virtual ~LeaseBackend() = default;

  /// The store of one more worker on the same leases. Lives as long as the backend.
  [[nodiscard]] virtual LeaseStore& open() = 0;

  template <class T>
  [[nodiscard]] T run(async::Task<T> task) {
    std::optional<T> result;
    spawn(keep(std::move(task), result));
    finish();
    return std::move(*result);
  }

  /// Both at the same time.
  template <class T>
  [[nodiscard]] std::pair<T, T> run_both(async::Task<T> one, async::Task<T> two) {
    std::optional<T> first;
    std::optional<T> second;
    spawn(keep(std::move(one), first));
    spawn(keep(std::move(two), second));
    finish();
    return {std::move(*first), std::move(*second)};
  }

 protected:
  boost::asio::io_context& loop() { return *loop_; }

 private:
  template <class T>
  static async::Task<> keep(async::Task<T> task, std::optional<T>& result) {
    result.emplace(co_await std::move(task));
  }

  void spawn(async::Task<> task) {
    boost::asio::co_spawn(*loop_, std::move(task), [this](std::exception_ptr thrown) {
      if (thrown) thrown_ = thrown;
    });
  }

  void finish() {
    loop_->restart();
    loop_->run();
    if (thrown_) std::rethrow_exception(thrown_);
  }

  std::unique_ptr<boost::asio::io_context> loop_ = std::make_unique<boost::asio::io_context>(1);
  std::exception_ptr thrown_;
};

class MemoryBackend final : public LeaseBackend {
 public:
  LeaseStore& open() override { return store_; }

 private:
  MemoryLeaseStore store_{system_clock()};
};

class SqliteBackend final : public LeaseBackend {
 public:
  LeaseStore& open() override {
    auto store = SqliteLeaseStore::open({.file = folder_ / "leases", .job = "test"}, system_clock(), random_);
    assert(store);
    return *stores_.emplace_back(std::move(*store));
  }

 private:
  test::TempFolder folder_;
  Random random_{1};
  std::vector<std::unique_ptr<SqliteLeaseStore>> stores_;
};

[[nodiscard]] inline std::vector<const char*> backend_names() { return {"Memory", "Sqlite"}; }

[[nodiscard]] inline std::unique_ptr<LeaseBackend> make_backend(std::string_view name) {
  if (name == "Memory") return std::make_unique<MemoryBackend>();
  return std::make_unique<SqliteBackend>();
}

}  // namespace dynamirror::coordination
