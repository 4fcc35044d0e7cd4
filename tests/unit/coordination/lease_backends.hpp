// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

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

#include "aws/api_client.hpp"
#include "aws/dynamodb/client.hpp"
#include "coordination/dynamodb_lease_store.hpp"
#include "coordination/lease_store.hpp"
#include "coordination/memory_lease_store.hpp"
#include "coordination/node_lease_store.hpp"
#include "coordination/sqlite_lease_store.hpp"
#include "http/beast_transport.hpp"
#include "support/aws_stand_ins.hpp"
#include "support/dynamodb_standin.hpp"
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

/// Against a stand-in, or against the service that DYNAMIRROR_TEST_DYNAMODB names.
class DynamoDbBackend : public LeaseBackend {
 public:
  static constexpr std::chrono::milliseconds kPatient{10'000};

  explicit DynamoDbBackend(std::optional<http::Endpoint> service) {
    static int tables = 0;
    table_ = TableName("leases-" + std::to_string(::getpid()) + "-" + std::to_string(++tables));
    if (!service) standin_.emplace();
    const support::Identity identity;
    credentials_.current = {.access_key_id = identity.access_key_id,
                            .secret_access_key = Secret(identity.secret_access_key),
                            .session_token = {}};
    transport_ = std::move(http::BeastTransport::make(loop().get_executor(), {}).value());
    api_ = std::make_unique<aws::ApiClient>(
        aws::ApiClient::Options{.endpoint = service ? *service : standin_->endpoint(), .region = Region("eu-west-1")},
        *transport_, credentials_, system_clock(), random_);
    client_ = std::make_unique<aws::DynamoDbClient>(*api_, system_clock());
  }

  /// A store whose table need not be there. REQUIRES: the clock outlives the backend's last call.
  DynamoDbLeaseStore& open_unprepared(const TableName& table, const Clock& clock = system_clock()) {
    constexpr std::chrono::milliseconds kShort{1};
    const DynamoDbLeaseStore::Options options{
        .table = table, .give_up_after = kPatient, .backoff = {.base = kShort, .cap = kShort}};
    stores_.push_back(std::make_unique<DynamoDbLeaseStore>(*client_, options, clock, random_));
    return *stores_.back();
  }

  LeaseStore& open() override {
    auto& store = open_unprepared(table_);
    const auto prepared = run(store.prepare({.create = true, .wait = {.pause = std::chrono::milliseconds(1)}}));
    assert(prepared);
    // The requests of the table's making are none of a test's.
    return open_unprepared(table_);
  }

  [[nodiscard]] const TableName& table() const { return table_; }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] support::DynamoDbStandin& standin() { return *standin_; }
  [[nodiscard]] aws::DynamoDbClient& client() { return *client_; }

 private:
  TableName table_;
  std::optional<support::DynamoDbStandin> standin_;
  support::StandInCredentials credentials_;
  Random random_{1};
  std::unique_ptr<http::BeastTransport> transport_;
  std::unique_ptr<aws::ApiClient> api_;
  std::unique_ptr<aws::DynamoDbClient> client_;
  std::vector<std::unique_ptr<DynamoDbLeaseStore>> stores_;
};

/// The table of the library for Node.js, in the stand-in.
class NodeBackend final : public DynamoDbBackend {
 public:
  explicit NodeBackend(std::optional<http::Endpoint> service = std::nullopt, const Clock& clock = system_clock())
      : DynamoDbBackend(std::move(service)), clock_(clock) {}

  NodeLeaseStore& open_node(NodeLeaseStore::Options options = {}) {
    constexpr std::chrono::milliseconds kShort{1};
    options.table = {.table = table(), .give_up_after = kPatient, .backoff = {.base = kShort, .cap = kShort}};
    auto maker = std::make_unique<NodeLeaseStore>(client(), options, clock_, random());
    const auto prepared = run(maker->prepare({.create = true, .wait = {.pause = kShort}}));
    assert(prepared);
    // The requests of the table's making are none of a test's.
    stores_.push_back(std::make_unique<NodeLeaseStore>(client(), std::move(options), clock_, random()));
    return *stores_.back();
  }

  LeaseStore& open() override { return open_node(); }

 private:
  const Clock& clock_;
  std::vector<std::unique_ptr<NodeLeaseStore>> stores_;
};

[[nodiscard]] inline std::optional<http::Endpoint> service_of_environment() {
  const char* address = std::getenv("DYNAMIRROR_TEST_DYNAMODB");
  if (address == nullptr) return std::nullopt;
  return http::parse_url(address).value().endpoint;
}

[[nodiscard]] inline std::vector<const char*> backend_names() {
  std::vector<const char*> names{"Memory", "Sqlite", "DynamoDb", "Node"};
  if (service_of_environment()) names.insert(names.end(), {"Service", "NodeService"});
  return names;
}

[[nodiscard]] inline std::unique_ptr<LeaseBackend> make_backend(std::string_view name) {
  if (name == "Memory") return std::make_unique<MemoryBackend>();
  if (name == "Sqlite") return std::make_unique<SqliteBackend>();
  if (name.starts_with("Node")) {
    return std::make_unique<NodeBackend>(name == "Node" ? std::nullopt : service_of_environment());
  }
  return std::make_unique<DynamoDbBackend>(name == "Service" ? service_of_environment() : std::nullopt);
}

}  // namespace dynamirror::coordination
