// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cassert>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "async/sleep.hpp"
#include "aws/endpoints/table_address.hpp"
#include "http/beast_transport.hpp"
#include "integration/replicate_fixture.hpp"
#include "jobs/copy/copy_table.hpp"
#include "service/copy.hpp"
#include "sink/table_sink.hpp"
#include "state/local_store.hpp"
#include "support/test_host.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::integration {

/// One process that works on both tables: with its files and its loop. Destroying it in mid-run is the kill.
/// Not thread-safe: `execute` blocks until the end.
class CopyProcess {
 public:
  struct Options {
    std::string source;
    std::string target;
    std::filesystem::path folder;
  };
  /// Called every few milliseconds; true: kill.
  using Watcher = std::function<bool(CopyProcess&)>;

  explicit CopyProcess(const Options& options) {
    environment_.variables = {{"AWS_ACCESS_KEY_ID", support::Identity{}.access_key_id},
                              {"AWS_SECRET_ACCESS_KEY", support::Identity{}.secret_access_key}};
    auto made = http::BeastTransport::make(loop_->get_executor(), {});
    assert(made);
    transport_ = std::move(*made);
    source_ = open(options.source);
    target_ = open(options.target);
    auto opened = state::LocalStore::open(options.folder / "state", {options.source, options.target});
    assert(opened);
    store_ = std::move(*opened);
    auto letters_opened = sink::DeadLetters::open({.file = options.folder / "dead-letters.jsonl"});
    assert(letters_opened);
    letters_ = std::move(*letters_opened);
  }

  /// False when the watcher has killed it.
  bool execute(async::Task<> task, const Watcher& watcher) {
    bool killed = false;
    std::exception_ptr failure;
    const auto end = [&](std::exception_ptr thrown) {
      if (thrown) failure = thrown;
      loop_->stop();
    };
    boost::asio::co_spawn(*loop_, std::move(task), end);
    boost::asio::co_spawn(*loop_, watch(watcher, killed), end);
    loop_->run();
    if (failure) std::rethrow_exception(failure);
    return !killed;
  }

  void make_sink(const TableName& table, const model::KeySchema& key) {
    sink_.emplace(sink::TableSink::Options{.table = table, .key = key}, target_->dynamodb(), system_clock());
  }

  [[nodiscard]] jobs::TableSide& source() { return *source_; }
  [[nodiscard]] jobs::TableSide& target() { return *target_; }
  [[nodiscard]] state::LocalStore& store() { return *store_; }
  [[nodiscard]] sink::DeadLetters& letters() { return *letters_; }
  [[nodiscard]] sink::TableSink& sink() { return *sink_; }
  [[nodiscard]] jobs::StopRequest& stop() { return stop_; }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] boost::asio::any_io_executor executor() { return loop_->get_executor(); }

 private:
  std::unique_ptr<jobs::TableSide> open(const std::string& table) {
    auto address = aws::parse_table_address(table);
    assert(address);
    auto side = jobs::TableSide::open(std::move(*address), {}, {*transport_, environment_, system_clock(), random_});
    assert(side);
    return std::move(*side);
  }

  static async::Task<> look_on(CopyProcess& process, const Watcher& watcher, bool& killed) {
    constexpr std::chrono::milliseconds kLook{1};
    while (!killed) {
      co_await async::sleep_for(kLook);
      killed = watcher && watcher(process);
    }
  }
  async::Task<> watch(const Watcher& watcher, bool& killed) { return look_on(*this, watcher, killed); }

  Random random_{1};
  support::ScriptedEnvironment environment_;
  jobs::StopRequest stop_;
  std::unique_ptr<state::LocalStore> store_;
  std::unique_ptr<sink::DeadLetters> letters_;
  std::unique_ptr<jobs::TableSide> source_;
  std::unique_ptr<jobs::TableSide> target_;
  std::optional<sink::TableSink> sink_;

 public:
  /// Whatever the task works with: it must outlive the tasks, which end with the loop.
  std::shared_ptr<void> job;

 private:
  std::unique_ptr<boost::asio::io_context> loop_ = std::make_unique<boost::asio::io_context>(1);
  std::unique_ptr<http::BeastTransport> transport_;
};

/// Two scripted servers and a folder, as for replications.
class CopyTest : public ReplicateTest {
 protected:
  struct Ended {
    bool killed = false;
    std::optional<jobs::JobFailure> failure{};
    jobs::CopyStatus status{};

    [[nodiscard]] std::string text() const {
      if (killed) return "killed";
      return failure ? to_line(failure->error) : "done";
    }
  };

  static jobs::CopyOptions brisk() {
    jobs::CopyOptions options;
    options.scan.table = TableName(kSource);
    options.scan.split = 4;
    options.save_interval = std::chrono::milliseconds(5);
    return options;
  }

  [[nodiscard]] CopyProcess::Options process_options() const {
    return {.source = source.address_of(kSource), .target = target.address_of(kTarget), .folder = folder.path()};
  }

  bool without_dead_letters = false;

  /// A copy under way, for the watcher.
  struct Running {
    service::Copy& copy;
    service::Host& host;
    [[nodiscard]] std::uint64_t applied() const { return copy.result().status.counters.applied; }
  };
  /// Called every few milliseconds; true: kill.
  using Watcher = std::function<bool(Running)>;

  /// `dynamirror copy-table`, in an event loop of its own. Its parts are destroyed after the loop: a kill.
  Ended copy(jobs::CopyOptions options = brisk(), const Watcher& watcher = {}) {
    std::optional<support::TestHost> host;
    std::optional<service::Copy> copy;
    auto loop = std::make_unique<boost::asio::io_context>(1);
    auto transport = http::BeastTransport::make(loop->get_executor(), {}).value();
    host.emplace(loop->get_executor(), *transport);
    copy.emplace(service_options(std::move(options)), *host);
    Ended ended;
    const auto end = [&](const std::exception_ptr& thrown) {
      loop->stop();
      if (thrown) std::rethrow_exception(thrown);
    };
    boost::asio::co_spawn(*loop, copy->run(), end);
    boost::asio::co_spawn(*loop, look_on({*copy, *host}, watcher, ended.killed), end);
    loop->run();
    auto result = copy->result();
    ended.failure = std::move(result.failure);
    ended.status = std::move(result.status);
    transport.reset();
    loop.reset();
    return ended;
  }

  [[nodiscard]] const model::KeySchema& key() const { return key_; }

  void add_copy_tables(const model::KeySchema& key = hash_only(), int shards = 1) {
    key_ = key;
    add_tables(shards, key);
    source.configure([](support::Service::Options& options) { options.scan_page_bytes = 3'000; });
  }

 private:
  [[nodiscard]] service::CopyOptions service_options(jobs::CopyOptions job) const {
    service::CopyOptions options;
    options.source.address = source.address_of(kSource);
    options.target = {.address = target.address_of(kTarget), .region = {}, .side = {.side = "target"}};
    options.overwrite = true;  // a target that holds items is no accident here
    options.job = std::move(job);
    options.files = {.state = (folder.path() / "state").string(),
                     .dead_letters = (folder.path() / "dead-letters.jsonl").string(),
                     .without_dead_letters = without_dead_letters};
    return options;
  }

  static async::Task<> look_on(Running running, const Watcher& watcher, bool& killed) {
    constexpr std::chrono::milliseconds kLook{1};
    while (!killed) {
      co_await async::sleep_for(kLook);
      killed = watcher && watcher(running);
    }
  }

  model::KeySchema key_ = hash_only();
};

}  // namespace dynamirror::integration
