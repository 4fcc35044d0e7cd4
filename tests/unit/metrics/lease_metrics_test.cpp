// SPDX-License-Identifier: Apache-2.0
//
// Goal: CloudWatch gets what happened between two moments, under the names that dashboards of KCL and of awslabs' tool
// know, and trouble with it is nobody else's. Method: values from two readings; requests against a scripted transport.
#include "metrics/lease_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <map>

#include "base/log.hpp"
#include "support/replication_run.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::metrics {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

LeaseReading reading(std::uint64_t read) {
  LeaseReading made;
  made.status.counters = {
      .read = read, .applied = read - 9, .superseded = 3, .filtered = 2, .dead_lettered = 1, .released = 2};
  made.status.retries = 2 * read;
  made.status.current_lag = std::chrono::milliseconds(1'500);
  made.leases = {.taken = read / 10, .lost = read / 20, .held = 3, .known = 8};
  made.stream_bytes = 100 * read;
  return made;
}

/// "name/operation" (or "name") to value and unit.
std::map<std::string, std::pair<double, std::string>> by_name(const std::vector<aws::MetricDatum>& data) {
  std::map<std::string, std::pair<double, std::string>> values;
  for (const aws::MetricDatum& datum : data) {
    std::string name = datum.name;
    for (const auto& [dimension, value] : datum.dimensions) {
      EXPECT_EQ(dimension, "Operation");
      name += "/" + value;
    }
    values[name] = {datum.value, datum.unit};
  }
  return values;
}

TEST(LeaseMetricValues, AreWhatHappenedBetweenTwoReadings) {
  EXPECT_THAT(
      by_name(kcl_metrics(reading(100), reading(160), {})),
      ElementsAre(Pair("CurrentLeases/RenewAllLeases", Pair(3, "Count")),
                  Pair("DataBytesProcessed/ProcessTask", Pair(6'000, "Bytes")),
                  Pair("LostLeases/RenewAllLeases", Pair(3, "Count")),
                  Pair("RecordsProcessed/ProcessTask", Pair(60, "Count")),
                  Pair("ReplicationLag", Pair(1'500, "Milliseconds")), Pair("TakenLeases/TakeLeases", Pair(6, "Count")),
                  Pair("TotalLeases/TakeLeases", Pair(8, "Count"))));
  EXPECT_THAT(by_name(cross_region_metrics(reading(100), reading(160), {})),
              ElementsAre(Pair("RecordsFailed", Pair(0, "Count")), Pair("RecordsRetried", Pair(120, "Count")),
                          Pair("RecordsWritten", Pair(60, "Count"))));
}

TEST(LeaseMetricValues, LeaveOutWhatTheNextOwnerReadsAgain) {
  LeaseReading now = reading(100);
  now.status.counters.read += 50;
  now.status.counters.released += 50;
  EXPECT_EQ(by_name(kcl_metrics(reading(100), now, {}))["RecordsProcessed/ProcessTask"].first, 0);
}

class LeaseMetricsTest : public ::testing::Test {
 protected:
  static constexpr const char* kHere = "https://monitoring.us-east-1.amazonaws.com/";
  static constexpr const char* kThere = "https://monitoring.eu-west-1.amazonaws.com/";

  LeaseMetricsTest() {
    environment_.variables["AWS_ACCESS_KEY_ID"] = "id";
    environment_.variables["AWS_SECRET_ACCESS_KEY"] = "secret";
  }

  std::unique_ptr<LeaseMetrics> make(LeaseMetrics::Options options) {
    return std::make_unique<LeaseMetrics>(
        std::move(options), aws::Surroundings{transport_, environment_, clock_, random_}, [this] { return now_; });
  }
  static LeaseMetrics::Options in_region(const char* region) {
    return {.name_space = "leases", .lease_region = region};
  }

  support::ScriptedTransport transport_;
  support::ScriptedEnvironment environment_;
  ManualClock clock_;
  Random random_{1};
  LeaseReading now_ = reading(100);
};

TEST_F(LeaseMetricsTest, GoToTheLeasesRegionAndToTheEnvironments) {
  transport_.expect("POST", kThere)
      .with_header("x-amz-target", "GraniteServiceVersion20100801.PutMetricData")
      .with_header("authorization", HasSubstr("/eu-west-1/monitoring/aws4_request"))
      .with_body(AllOf(HasSubstr(R"("Namespace":"leases")"), HasSubstr("CurrentLeases"),
                       ::testing::Not(HasSubstr("RecordsWritten"))));
  transport_.expect("POST", kHere).with_body(AllOf(HasSubstr("RecordsWritten"), HasSubstr(R"("Value":91,)")));
  support::run_task(make(in_region("eu-west-1"))->finish());
}

TEST_F(LeaseMetricsTest, GoInOneRequestWhenThatIsOneRegion) {
  environment_.variables["AWS_REGION"] = "eu-west-1";
  transport_.expect("POST", kThere).with_body(AllOf(HasSubstr("CurrentLeases"), HasSubstr("RecordsWritten")));
  support::run_task(make(in_region("eu-west-1"))->finish());
}

TEST_F(LeaseMetricsTest, AreCountedOnceAndAgainOnlyWhenRefused) {
  const auto metrics = make(in_region("us-east-1"));
  const auto written = [](const char* value) {
    return HasSubstr(std::string(R"("MetricName":"RecordsWritten","Timestamp":1767225600,"Value":)") + value + ",");
  };
  transport_.expect("POST", kHere).with_body(written("91")).answer(403, R"({"__type":"AccessDeniedException"})");
  transport_.expect("POST", kHere).with_body(written("151"));
  transport_.expect("POST", kHere).with_body(written("0")).fail("ECONNRESET");
  transport_.expect("POST", kHere).with_body(written("40"));
  support::run_task(metrics->finish());
  now_ = reading(160);
  support::run_task(metrics->finish());
  support::run_task(metrics->finish());
  now_ = reading(200);
  support::run_task(metrics->finish());
}

TEST_F(LeaseMetricsTest, WarnAtMostEveryTenMinutes) {
  const auto metrics = make(in_region("us-east-1"));
  transport_.expect("POST", kHere).answer(403, R"({"__type":"AccessDeniedException"})").times(3);
  ::testing::internal::CaptureStderr();
  support::run_task(metrics->finish());
  clock_.advance(std::chrono::minutes(9));
  support::run_task(metrics->finish());
  clock_.advance(std::chrono::minutes(2));
  support::run_task(metrics->finish());
  const std::string said = ::testing::internal::GetCapturedStderr();
  std::size_t warnings = 0;
  for (auto at = said.find("could not be sent"); at != std::string::npos; at = said.find("could not be sent", at + 1)) {
    ++warnings;
  }
  EXPECT_EQ(warnings, 2u) << said;
}

TEST_F(LeaseMetricsTest, AreNotSentForServersOfTheirOwn) {
  auto options = in_region("eu-west-1");
  options.local = true;
  const auto metrics = make(options);
  support::run_task(metrics->run());  // ends at once
  support::run_task(metrics->finish());
  EXPECT_THAT(transport_.requests(), IsEmpty());

  environment_.variables["AWS_ENDPOINT_URL_CLOUDWATCH"] = "http://127.0.0.1:4566";
  environment_.variables["AWS_REGION"] = "eu-west-1";
  transport_.expect("POST", "http://127.0.0.1:4566/");
  support::run_task(make(options)->finish());
}

TEST_F(LeaseMetricsTest, AreSentInTheirInterval) {
  auto options = in_region("us-east-1");
  options.interval = std::chrono::milliseconds(1);
  const auto metrics = make(options);
  transport_.expect("POST", kHere).times(2);
  transport_.expect("POST", kHere).held();
  boost::asio::io_context loop;
  boost::asio::cancellation_signal cancel;
  boost::asio::co_spawn(loop, metrics->run(),
                        boost::asio::bind_cancellation_slot(cancel.slot(), [](std::exception_ptr) {}));
  while (transport_.holding() == 0) loop.run_one();
  EXPECT_EQ(transport_.requests().size(), 3u);
  cancel.emit(boost::asio::cancellation_type::terminal);
  loop.run();
}

}  // namespace
}  // namespace dynamirror::metrics
