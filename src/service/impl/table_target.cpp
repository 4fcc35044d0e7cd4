// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/log.hpp"
#include "jobs/prepare/copy_preflight.hpp"
#include "service/impl/target.hpp"

namespace dynamirror::service {
namespace {

class TableTarget final : public Target {
 public:
  TableTarget(std::unique_ptr<jobs::TableSide> side, std::optional<double> max_write_units, Host& host)
      : side_(std::move(side)), max_write_units_(max_write_units), host_(host) {}

  [[nodiscard]] async::Task<std::expected<Fit, std::vector<jobs::JobFailure>>> prepare(
      jobs::TableSide& source, jobs::PreflightOptions options) override {
    auto prepared = co_await jobs::preflight(source, *side_, options);
    if (!prepared) co_return std::unexpected(std::move(prepared.error()));
    const aws::TableDescription& table = prepared->target;
    sink_.emplace(sink::TableSink::Options{.table = table.name, .key = table.key, .max_write_units = max_write_units_},
                  side_->dynamodb(), system_clock());
    Fit fit{.source = {std::move(prepared->source), std::move(prepared->stream)},
            .name = table.name.str(),
            .display = side_->display(),
            .identity = identity_of(*side_, table),
            .id = table.id,
            .counted = static_cast<std::uint64_t>(table.item_count),
            .remedy =
                "name the state file it was filled with (--state), load it anew (--initial-load "
                "--overwrite), or say where to start (--start trim-horizon or latest)"};
    co_return fit;
  }

  [[nodiscard]] async::Task<Result<bool>> holds_items() override { return jobs::has_items(*side_, host_.random()); }
  [[nodiscard]] async::Task<Status> begin() override { co_return Status{}; }
  [[nodiscard]] sink::ChangeSink& sink() override { return *sink_; }

  void say_begin(const jobs::TableSide& source, const StreamArn& stream) const override {
    log::info("replicating", {{"source", source.display()},
                              {"source_credentials", source.credentials_source()},
                              {"target", side_->display()},
                              {"target_credentials", side_->credentials_source()},
                              {"stream", stream.str()}});
  }

  [[nodiscard]] std::uint64_t requests() const override { return side_->requests(); }
  [[nodiscard]] jobs::TableSide* table() override { return side_.get(); }
  [[nodiscard]] sink::TableSink::Statistics writes() const override {
    return sink_ ? sink_->statistics() : sink::TableSink::Statistics{};
  }

 private:
  std::unique_ptr<jobs::TableSide> side_;
  std::optional<double> max_write_units_;
  Host& host_;
  std::optional<sink::TableSink> sink_;
};

}  // namespace

Result<std::unique_ptr<jobs::TableSide>> open_table(const TableOptions& options, Host& host) {
  auto address = host.address_of(options.address, options.side);
  if (!address) return std::unexpected(std::move(address.error()));
  if (!options.region.empty()) address->region = Region(options.region);
  return host.open_side(std::move(*address), options.side);
}

Result<std::unique_ptr<Target>> open_table_target(const TableOptions& options, std::optional<double> max_write_units,
                                                  Host& host) {
  auto side = open_table(options, host);
  if (!side) return std::unexpected(std::move(side.error()));
  return std::make_unique<TableTarget>(std::move(*side), max_write_units, host);
}

}  // namespace dynamirror::service
