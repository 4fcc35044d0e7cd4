// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cassert>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aws/endpoints/table_address.hpp"
#include "http/beast_transport.hpp"
#include "source/table_scan.hpp"
#include "support/dynamodb_standin.hpp"
#include "support/replication_run.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::source {

/// Keeps what a scan delivers.
class Collector : public PageReceiver {
 public:
  std::vector<std::string> items;
  std::vector<SegmentPosition> positions;  ///< after each page, in the order of arrival
  std::optional<std::size_t> fail_at{};    ///< the page (from 0) that is refused

  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, SegmentPosition position) override {
    if (fail_at == positions.size()) co_return failure(ErrorClass::kFatal, "take page", {}, "refused by the test");
    for (std::size_t i = 0; i < page.size(); ++i) items.emplace_back(page.item(i));
    positions.push_back(std::move(position));
    co_return Status{};
  }

  /// The newest position of every segment that `from` names.
  [[nodiscard]] std::vector<SegmentPosition> newest(std::vector<SegmentPosition> from) const {
    for (SegmentPosition& position : from) {
      for (const SegmentPosition& seen : positions) {
        if (seen.segment == position.segment) position = seen;
      }
    }
    return from;
  }
};

/// One scan against a stand-in, on an event loop of its own.
class ScanRun {
 public:
  ScanRun(const std::string& address, TableScan::Options options) : random_(1) {
    environment_.variables = {{"AWS_ACCESS_KEY_ID", support::Identity{}.access_key_id},
                              {"AWS_SECRET_ACCESS_KEY", support::Identity{}.secret_access_key}};
    auto transport = http::BeastTransport::make(loop_->get_executor(), {});
    assert(transport);
    transport_ = std::move(*transport);
    auto parsed = aws::parse_table_address(address);
    assert(parsed);
    options.table = parsed->table;
    auto side = jobs::TableSide::open(std::move(*parsed), {}, {*transport_, environment_, system_clock(), random_});
    assert(side);
    side_ = std::move(*side);
    scan_.emplace(std::move(options), side_->dynamodb(), system_clock(), random_, loop_->get_executor());
  }

  [[nodiscard]] Status run(PageReceiver& receiver) { return run(scan_->fresh(), receiver); }
  [[nodiscard]] Status run(std::vector<SegmentPosition> from, PageReceiver& receiver) {
    return execute(scan_->run(std::move(from), receiver));
  }
  [[nodiscard]] Status serve(PageReceiver& receiver) { return execute(scan_->serve(receiver)); }

  [[nodiscard]] TableScan& scan() { return *scan_; }

 private:
  [[nodiscard]] Status execute(async::Task<Status> task) {
    std::optional<Status> status;
    boost::asio::co_spawn(*loop_, keep(std::move(task), status), [this](std::exception_ptr thrown) {
      thrown_ = thrown;
      loop_->stop();
    });
    loop_->run();
    loop_->restart();
    if (thrown_) std::rethrow_exception(thrown_);
    return std::move(*status);
  }
  static async::Task<> keep(async::Task<Status> task, std::optional<Status>& status) {
    status.emplace(co_await std::move(task));
  }

  Random random_;
  support::ScriptedEnvironment environment_;
  std::exception_ptr thrown_;
  std::unique_ptr<jobs::TableSide> side_;
  std::optional<TableScan> scan_;
  std::unique_ptr<boost::asio::io_context> loop_ = std::make_unique<boost::asio::io_context>(1);
  std::unique_ptr<http::BeastTransport> transport_;
};

}  // namespace dynamirror::source
