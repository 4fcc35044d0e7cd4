// SPDX-License-Identifier: Apache-2.0
#include "metrics/lease_metrics.hpp"

#include <utility>

#include "async/sleep.hpp"
#include "aws/api_client.hpp"
#include "aws/credentials/profile_environment.hpp"
#include "aws/endpoints/endpoint.hpp"
#include "base/log.hpp"

namespace dynamirror::metrics {
namespace {

constexpr std::chrono::seconds kSendTime{20};
/// A stop has five seconds in all.
constexpr std::chrono::seconds kLastSendTime{1};
constexpr std::chrono::minutes kWarningInterval{10};
/// Where awslabs' tool sends its own metrics when it does not run on EC2.
constexpr const char* kDefaultRegion = "us-east-1";

using Dimensions = std::vector<std::pair<std::string, std::string>>;

aws::MetricDatum datum(std::string name, double value, std::string unit, const char* operation, WallTime time) {
  aws::MetricDatum made{.name = std::move(name), .value = value, .unit = std::move(unit)};
  if (operation != nullptr) made.dimensions = {{"Operation", operation}};
  made.time = time;
  return made;
}

double count(std::uint64_t now, std::uint64_t before) { return static_cast<double>(now - before); }

/// Changes that need nothing more done for them here.
std::uint64_t processed(const LeaseReading& reading) {
  const auto& counters = reading.status.counters;
  return counters.settled() - counters.released;
}

}  // namespace

std::vector<aws::MetricDatum> kcl_metrics(const LeaseReading& before, const LeaseReading& now, WallTime time) {
  constexpr const char* kProcess = "ProcessTask";
  constexpr const char* kRenew = "RenewAllLeases";
  constexpr const char* kTake = "TakeLeases";
  const auto lag = now.status.current_lag.value_or(std::chrono::milliseconds(0));
  return {datum("RecordsProcessed", count(processed(now), processed(before)), "Count", kProcess, time),
          datum("DataBytesProcessed", count(now.stream_bytes, before.stream_bytes), "Bytes", kProcess, time),
          datum("CurrentLeases", static_cast<double>(now.leases.held), "Count", kRenew, time),
          datum("LostLeases", count(now.leases.lost, before.leases.lost), "Count", kRenew, time),
          datum("TakenLeases", count(now.leases.taken, before.leases.taken), "Count", kTake, time),
          datum("TotalLeases", static_cast<double>(now.leases.known), "Count", kTake, time),
          datum("ReplicationLag", static_cast<double>(lag.count()), "Milliseconds", nullptr, time)};
}

std::vector<aws::MetricDatum> cross_region_metrics(const LeaseReading& before, const LeaseReading& now, WallTime time) {
  const auto& last = before.status;
  const auto& status = now.status;
  return {datum("RecordsWritten", count(status.counters.applied, last.counters.applied), "Count", nullptr, time),
          datum("RecordsRetried", count(status.retries, last.retries), "Count", nullptr, time),
          datum("RecordsFailed", count(status.counters.dead_lettered, last.counters.dead_lettered), "Count", nullptr,
                time)};
}

/// One region, and what has been sent there.
struct LeaseMetrics::Destination {
  std::unique_ptr<aws::CredentialsProvider> credentials;
  std::unique_ptr<aws::ApiClient> api;
  std::vector<std::vector<aws::MetricDatum> (*)(const LeaseReading&, const LeaseReading&, WallTime)> groups{};
  LeaseReading sent{};
};

LeaseMetrics::LeaseMetrics(Options options, aws::Surroundings surroundings, std::function<LeaseReading()> read)
    : options_(std::move(options)), surroundings_(surroundings), read_(std::move(read)) {
  if (const auto prepared = prepare(); !prepared) {
    warn(prepared.error());
    destinations_.clear();
  }
}

LeaseMetrics::~LeaseMetrics() = default;

Status LeaseMetrics::prepare() {
  const aws::Environment& environment = surroundings_.environment;
  const auto settings = aws::ProfileEnvironment::of(environment, options_.side.profile);
  if (!settings) return std::unexpected(settings.error());
  const auto configured = aws::endpoint_options(aws::Service::kCloudWatch, *settings);
  if (!configured) return std::unexpected(configured.error());
  if (options_.local && !configured->explicit_endpoint) {
    log::debug(
        "no metrics are sent: the tables are on servers of their own, and AWS_ENDPOINT_URL_CLOUDWATCH is not set");
    return {};
  }
  auto leases = open(options_.lease_region);
  if (!leases) return std::unexpected(std::move(leases.error()));
  (*leases)->groups.push_back(kcl_metrics);
  destinations_.push_back(std::move(*leases));
  const std::string here = aws::configured_region(environment, options_.side.profile).value_or(kDefaultRegion);
  if (here != options_.lease_region) {
    auto own = open(here);
    if (!own) return std::unexpected(std::move(own.error()));
    destinations_.push_back(std::move(*own));
  }
  destinations_.back()->groups.push_back(cross_region_metrics);
  return {};
}

Result<std::unique_ptr<LeaseMetrics::Destination>> LeaseMetrics::open(const std::string& region) const {
  const auto& [transport, environment, clock, random] = surroundings_;
  const auto settings = aws::ProfileEnvironment::of(environment, options_.side.profile);
  if (!settings) return std::unexpected(settings.error());
  const auto options = aws::endpoint_options(aws::Service::kCloudWatch, *settings);
  if (!options) return std::unexpected(options.error());
  auto endpoint = aws::resolve_endpoint(aws::Service::kCloudWatch, Region(region), *options);
  if (!endpoint) return std::unexpected(std::move(endpoint.error()));
  aws::SideOptions side = options_.side;
  // A region of our own making, such as "local", means nothing to STS.
  if (side.region.empty() && !options_.local) side.region = region;
  auto credentials = aws::make_credentials(side, environment, transport, clock, random);
  if (!credentials) return std::unexpected(std::move(credentials.error()));
  auto destination = std::make_unique<Destination>();
  destination->credentials = std::move(*credentials);
  destination->api = std::make_unique<aws::ApiClient>(
      aws::ApiClient::Options{.endpoint = std::move(*endpoint),
                              .region = Region(region),
                              .service = std::string(aws::signing_name(aws::Service::kCloudWatch)),
                              .target_prefix = aws::kCloudWatchTargetPrefix,
                              .retry = {.max_attempts = 3, .give_up_after = kSendTime}},
      transport, *destination->credentials, clock, random);
  return destination;
}

async::Task<> LeaseMetrics::run() {
  if (destinations_.empty()) co_return;
  for (;;) {  // until cancelled
    co_await async::sleep_for(options_.interval);
    co_await send(surroundings_.clock.steady_now() + kSendTime);
  }
}

async::Task<> LeaseMetrics::finish() { co_await send(surroundings_.clock.steady_now() + kLastSendTime); }

async::Task<> LeaseMetrics::send(SteadyTime not_after) {
  for (const auto& destination : destinations_) {
    const LeaseReading now = read_();
    const LeaseReading before = std::exchange(destination->sent, now);
    std::vector<aws::MetricDatum> data;
    for (const auto& group : destination->groups) {
      for (auto& made : group(before, now, surroundings_.clock.wall_now())) data.push_back(std::move(made));
    }
    std::string name_space = options_.name_space;
    const auto sent =
        co_await aws::put_metric_data(*destination->api, std::move(name_space), std::move(data), not_after);
    if (sent) continue;
    const bool refused = sent.error().http_status >= 400 && sent.error().http_status < 500;
    if (refused) destination->sent = before;
    warn(sent.error());
  }
}

void LeaseMetrics::warn(const Error& error) {
  const SteadyTime now = surroundings_.clock.steady_now();
  if (warned_at_ && now - *warned_at_ < kWarningInterval) return;
  warned_at_ = now;
  log::warning("metrics could not be sent; allow cloudwatch:PutMetricData, or turn them off with --no-cloudwatch",
               {{"error", to_line(error)}});
}

}  // namespace dynamirror::metrics
