// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aws/endpoints/table_address.hpp"
#include "base/clock.hpp"
#include "http/beast_transport.hpp"
#include "integration/replicate_fixture.hpp"
#include "jobs/diff/diff_tables.hpp"
#include "support/replication_run.hpp"

namespace dynamirror::integration {

/// Shows every request to a hook before it is sent: there a test does what others do at that very moment.
class HookedTransport final : public http::Transport {
 public:
  /// The operation ("PutItem") and the body.
  using Hook = std::function<void(std::string_view operation, const std::string& body)>;

  HookedTransport(std::unique_ptr<http::Transport> below, Hook hook)
      : below_(std::move(below)), hook_(std::move(hook)) {}

  [[nodiscard]] async::Task<Result<http::Response>> send(const http::Request& request,
                                                         http::SendOptions options) override {
    for (const auto& [name, value] : request.headers) {
      if (hook_ && name == "x-amz-target") hook_(std::string_view(value).substr(value.find('.') + 1), request.body);
    }
    return below_->send(request, options);
  }

 private:
  std::unique_ptr<http::Transport> below_;
  Hook hook_;
};

/// `dynamirror diff-tables` without its command line and process, on an event loop of its own.
class DiffRun final : public jobs::DiffReport {
 public:
  DiffRun(std::string primary, std::string replica) : primary_(std::move(primary)), replica_(std::move(replica)) {
    const support::Identity identity;
    environment_.variables = {{"AWS_ACCESS_KEY_ID", identity.access_key_id},
                              {"AWS_SECRET_ACCESS_KEY", identity.secret_access_key}};
    options.settle = std::chrono::milliseconds(20);
  }

  jobs::DiffOptions options;
  HookedTransport::Hook hook;

  // What the last run came to.
  std::vector<jobs::DiffFinding> findings;
  std::vector<std::string> still_changing;
  jobs::DiffTotals totals;

  jobs::JobResult<jobs::DiffVerdict> run() {
    findings.clear();
    still_changing.clear();
    boost::asio::io_context loop;
    auto beast = http::BeastTransport::make(loop.get_executor(), {});
    HookedTransport transport(std::move(*beast), hook);
    Random random(1);
    jobs::StopRequest stop;
    const auto open = [&](const std::string& table) {
      const aws::Surroundings around{transport, environment_, system_clock(), random};
      return std::move(*jobs::TableSide::open(*aws::parse_table_address(table), {}, around));
    };
    const auto primary = open(primary_);
    const auto replica = open(replica_);
    jobs::DiffTables job(options, *primary, *replica, *this, {system_clock(), random, stop});
    std::optional<jobs::JobResult<jobs::DiffVerdict>> result;
    boost::asio::co_spawn(loop, job.run(), [&](std::exception_ptr thrown, jobs::JobResult<jobs::DiffVerdict> ended) {
      EXPECT_FALSE(thrown);
      result.emplace(std::move(ended));
      loop.stop();
    });
    loop.run();
    totals = job.totals();
    EXPECT_TRUE(*result) << (*result ? "" : to_line(result->error().error));
    return std::move(*result);
  }

  // DiffReport
  void found(const jobs::DiffFinding& finding) override { findings.push_back(finding); }
  void changing(const std::string& key_json) override { still_changing.push_back(key_json); }
  void repaired(const std::string&, jobs::RepairOutcome) override {}

 private:
  std::string primary_;
  std::string replica_;
  support::ScriptedEnvironment environment_;
};

/// The tables of ReplicateTest: "Orders" is the primary, "Copy" the replica.
class DiffTest : public ReplicateTest {
 protected:
  [[nodiscard]] DiffRun make_diff() { return DiffRun(source.address_of(kSource), target.address_of(kTarget)); }
  void put_replica(const std::string& id, const std::string& value) { target.put(kTarget, item_of(id, value)); }
  void expect_no_complaints() {
    EXPECT_THAT(source.complaints(), ::testing::IsEmpty());
    EXPECT_THAT(target.complaints(), ::testing::IsEmpty());
  }
};

}  // namespace dynamirror::integration
