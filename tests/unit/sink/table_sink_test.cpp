// SPDX-License-Identifier: Apache-2.0
//
// Goal: every change gets the outcome that is true of it, whatever the service answers, and the budget is never
// overspent. Method: the real client over a table played in memory, which refuses, throttles and charges as told.
#include "sink/table_sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "aws/api_client.hpp"
#include "support/run_task.hpp"

namespace dynamirror::sink {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A table with the key "id" (S), and a service around it that behaves as told.
class PlayedTable final : public http::Transport {
 public:
  // What it is told.
  std::set<std::string> refused_ids;      ///< whatever contains them is a ValidationException
  std::set<std::string> unprocessed_ids;  ///< left over by BatchWriteItem
  std::string next_error;                 ///< type of the answer to all requests, if not empty
  int next_status = 400;
  double units_per_item = 1;
  double units_per_deletion = 1;
  Duration latency{};
  bool tells_units = true;

  // What it saw.
  std::map<std::string, std::string> items;
  std::vector<std::string> operations;
  struct Consumption {
    SteadyTime at;
    double units;
  };
  std::vector<Consumption> consumed;
  int largest_overlap = 0;

  [[nodiscard]] async::Task<Result<http::Response>> send(const http::Request& request, http::SendOptions) override {
    largest_overlap = std::max(largest_overlap, ++under_way_);
    if (latency > Duration::zero()) co_await async::sleep_for(latency);
    --under_way_;
    co_return answer(request);
  }

 private:
  static http::Response error(int status, const std::string& type) {
    return {
        .status = status, .headers = {}, .body = R"({"__type":"com.amazonaws#)" + type + R"(","message":"as told"})"};
  }

  http::Response answer(const http::Request& request) {
    const auto target = std::find_if(request.headers.begin(), request.headers.end(),
                                     [](const auto& header) { return header.first == "x-amz-target"; });
    const std::string operation = target->second.substr(target->second.find('.') + 1);
    operations.push_back(operation);
    if (!next_error.empty()) return error(next_status, next_error);
    const json::object body = json::parse(request.body).as_object();

    std::vector<json::object> writes;  // in the form of BatchWriteItem
    if (operation == "BatchWriteItem") {
      for (const auto& write : body.at("RequestItems").at("T").as_array()) writes.push_back(write.as_object());
    } else if (operation == "PutItem") {
      writes.push_back({{"PutRequest", {{"Item", body.at("Item")}}}});
    } else {
      writes.push_back({{"DeleteRequest", {{"Key", body.at("Key")}}}});
    }
    EXPECT_LE(writes.size(), 25u);
    for (const auto& write : writes) {
      if (refused_ids.contains(id_of(write))) return error(400, "ValidationException");
    }
    return apply(operation == "BatchWriteItem", writes);
  }

  http::Response apply(bool batch, const std::vector<json::object>& writes) {
    double units = 0;
    json::array unprocessed;
    for (const auto& write : writes) {
      if (batch && unprocessed_ids.contains(id_of(write))) {
        unprocessed.push_back(write);
      } else if (write.contains("PutRequest")) {
        items[id_of(write)] = json::serialize(write.at("PutRequest").at("Item"));
        units += units_per_item;
      } else {
        items.erase(id_of(write));
        units += units_per_deletion;
      }
    }
    consumed.push_back({system_clock().steady_now(), units});
    const json::object capacity{{"TableName", "T"}, {"CapacityUnits", units}};
    json::object answer;
    if (tells_units) answer["ConsumedCapacity"] = batch ? json::value(json::array{capacity}) : json::value(capacity);
    if (batch) answer["UnprocessedItems"] = unprocessed.empty() ? json::object() : json::object{{"T", unprocessed}};
    return {.status = 200, .headers = {}, .body = json::serialize(answer)};
  }

  static std::string id_of(const json::object& write) {
    const auto& value =
        write.contains("PutRequest") ? write.at("PutRequest").at("Item") : write.at("DeleteRequest").at("Key");
    return std::string(value.at("id").at("S").as_string());
  }

  int under_way_ = 0;
};

class FixedCredentials final : public aws::CredentialsProvider {
 public:
  [[nodiscard]] async::Task<Result<aws::Credentials>> get() override {
    co_return aws::Credentials{.access_key_id = "AKID", .secret_access_key = Secret("secret"), .session_token = {}};
  }
  void invalidate() override {}
  [[nodiscard]] std::string describe() const override { return "fixed"; }
};

model::Change put(const std::string& id, std::size_t payload = 0) {
  const std::string key = R"({"id":{"S":")" + id + "\"}}";
  const std::string image = R"({"id":{"S":")" + id + R"("},"x":{"S":")" + std::string(payload, 'x') + "\"}}";
  return {key, image, model::SequenceNumber::parse("1").value(), {}};
}

model::Change deletion(const std::string& id) {
  return {R"({"id":{"S":")" + id + "\"}}", "", model::SequenceNumber::parse("1").value(), {}};
}

std::vector<model::Change> puts(int count, const std::string& prefix = "k") {
  std::vector<model::Change> changes;
  for (int i = 0; i < count; ++i) changes.push_back(put(prefix + std::to_string(i)));
  return changes;
}

std::vector<const model::Change*> pointers_to(const std::vector<model::Change>& changes) {
  std::vector<const model::Change*> pointers;
  for (const auto& change : changes) pointers.push_back(&change);
  return pointers;
}

/// "a" applied, "t" try again, "r" rejected, for each outcome.
std::string letters_of(const std::vector<Outcome>& outcomes) {
  std::string letters;
  for (const Outcome& outcome : outcomes) letters += "atr"[outcome.index()];
  return letters;
}

class TableSinkTest : public ::testing::Test {
 protected:
  void make_sink(std::optional<double> max_write_units) {
    sink_ = std::make_unique<TableSink>(
        TableSink::Options{.table = TableName("T"), .key = {{"id", "S"}, {}}, .max_write_units = max_write_units},
        client_, system_clock());
  }

  Result<std::vector<Outcome>> write(const std::vector<model::Change>& changes) {
    const auto pointers = pointers_to(changes);
    return support::run_task(sink_->write(pointers, kNoDeadline));
  }

  static aws::ApiClient::Options api_options() {
    aws::ApiClient::Options options{.endpoint = {.tls = false, .host = "127.0.0.1", .port = 1},
                                    .region = Region("eu-west-1")};
    options.retry = {.max_attempts = 2,
                     .backoff = {.base = std::chrono::milliseconds(1), .cap = std::chrono::milliseconds(1)}};
    return options;
  }

  PlayedTable table_;
  FixedCredentials credentials_;
  Random random_{1};
  aws::ApiClient api_{api_options(), table_, credentials_, system_clock(), random_};
  aws::DynamoDbClient client_{api_, system_clock()};
  std::unique_ptr<TableSink> sink_ = std::make_unique<TableSink>(
      TableSink::Options{.table = TableName("T"), .key = {{"id", "S"}, {}}}, client_, system_clock());
};

TEST_F(TableSinkTest, WritesAFullBatchInOneRequest) {
  table_.items["k1"] = "old";
  auto changes = puts(25);
  changes[1] = deletion("k1");
  const auto outcomes = write(changes);
  ASSERT_TRUE(outcomes) << to_line(outcomes.error());
  EXPECT_EQ(letters_of(*outcomes), std::string(25, 'a'));
  EXPECT_THAT(table_.operations, ElementsAre("BatchWriteItem"));
  EXPECT_EQ(table_.items.size(), 24u);
  EXPECT_EQ(sink_->statistics().requests, 1u);
  EXPECT_EQ(sink_->statistics().consumed_units, 25);
}

TEST_F(TableSinkTest, WritesASingleChangeByItself) {
  EXPECT_EQ(letters_of(*write({put("a")})), "a");
  EXPECT_EQ(letters_of(*write({deletion("a")})), "a");
  EXPECT_THAT(table_.operations, ElementsAre("PutItem", "DeleteItem"));
  EXPECT_TRUE(table_.items.empty());
}

TEST_F(TableSinkTest, GivesBackWhatTheServiceLeavesUnprocessed) {
  table_.unprocessed_ids = {"k0", "k3"};
  const auto outcomes = write(puts(5));
  EXPECT_EQ(letters_of(*outcomes), "taata");
  EXPECT_EQ(std::get<TryAgain>((*outcomes)[0]).error.error_class, ErrorClass::kThrottled);
  EXPECT_EQ(sink_->statistics().unprocessed, 2u);
}

TEST_F(TableSinkTest, GivesBackAllWhenTheRequestIsThrottledAtOnce) {
  table_.next_error = "ProvisionedThroughputExceededException";
  const auto outcomes = write(puts(5));
  EXPECT_EQ(letters_of(*outcomes), "ttttt");
  EXPECT_EQ(table_.operations.size(), 1u) << "whoever paces the writes must learn of throttling, not the client";
  EXPECT_EQ(sink_->statistics().throttled, 1u);
}

TEST_F(TableSinkTest, GivesBackAllAfterTheClientsOwnRetriesOfTrouble) {
  table_.next_error = "InternalServerError";
  table_.next_status = 500;
  const auto outcomes = write(puts(3));
  EXPECT_EQ(letters_of(*outcomes), "ttt");
  EXPECT_EQ(std::get<TryAgain>((*outcomes)[0]).error.error_class, ErrorClass::kTransient);
  EXPECT_EQ(table_.operations.size(), 2u);
}

TEST_F(TableSinkTest, RejectsExactlyTheChangesToBlameAndWritesAllOthers) {
  for (const int count : {1, 2, 3, 7, 25}) {
    for (int bad = 0; bad < count; ++bad) {
      table_.refused_ids = {"k" + std::to_string(bad)};
      table_.items.clear();
      table_.operations.clear();
      const auto outcomes = write(puts(count));
      ASSERT_TRUE(outcomes);
      std::string expected(static_cast<std::size_t>(count), 'a');
      expected[static_cast<std::size_t>(bad)] = 'r';
      ASSERT_EQ(letters_of(*outcomes), expected);
      ASSERT_EQ(table_.items.size(), static_cast<std::size_t>(count - 1));
      const Error& error = std::get<Rejected>((*outcomes)[static_cast<std::size_t>(bad)]).error;
      ASSERT_EQ(error.code, "ValidationException");
      ASSERT_EQ(error.message, "as told");
      ASSERT_LE(table_.operations.size(), 1u + 2 * 5) << "halving 25 five times leaves one";
    }
  }
}

TEST_F(TableSinkTest, RejectsAllWhenAllAreToBlame) {
  for (int i = 0; i < 25; ++i) table_.refused_ids.insert("k" + std::to_string(i));
  EXPECT_EQ(letters_of(*write(puts(25))), std::string(25, 'r'));
  EXPECT_EQ(table_.operations.size(), 49u);
  EXPECT_EQ(sink_->statistics().splits, 24u);
}

TEST_F(TableSinkTest, FailsAsAWholeWhenNoWriteCanSucceed) {
  for (const auto& [type, expected] :
       std::vector<std::pair<std::string, ErrorClass>>{{"ResourceNotFoundException", ErrorClass::kNotFound},
                                                       {"AccessDeniedException", ErrorClass::kDenied},
                                                       {"ExpiredTokenException", ErrorClass::kExpiredCredentials}}) {
    table_.next_error = type;
    for (const int count : {1, 5}) {
      const auto outcomes = write(puts(count));
      ASSERT_FALSE(outcomes) << type;
      EXPECT_EQ(outcomes.error().error_class, expected);
      EXPECT_THAT(to_line(outcomes.error()), HasSubstr("eu-west-1/T"));
    }
  }
}

TEST_F(TableSinkTest, TakesSmallBatchesUnderASmallBudget) {
  make_sink(50.0);
  EXPECT_EQ(sink_->limits().max_changes, 5u);
  make_sink(1.0);
  EXPECT_EQ(sink_->limits().max_changes, 1u);
  make_sink(100'000.0);
  EXPECT_EQ(sink_->limits().max_changes, 25u);
}

/// Keeps a sink busy with full batches from several sides until a moment.
async::Task<> keep_writing(TableSink& sink, const std::vector<model::Change>& changes, SteadyTime until) {
  const auto all = pointers_to(changes);
  const auto batch = std::span(all).first(std::min(all.size(), sink.limits().max_changes));
  while (system_clock().steady_now() < until) {
    const auto outcomes = co_await sink.write(batch, kNoDeadline);
    EXPECT_TRUE(outcomes);
  }
}

async::Task<> write_from_all_sides(TableSink& sink, const std::vector<std::vector<model::Change>>& sides,
                                   Duration time) {
  async::TaskGroup writers(co_await boost::asio::this_coro::executor);
  const SteadyTime until = system_clock().steady_now() + time;
  for (const auto& changes : sides) writers.spawn(keep_writing(sink, changes, until));
  co_await writers.join();
}

struct BudgetCase {
  const char* name;
  double units_per_second;
  double units_per_item;
  double units_per_deletion;
  bool deletions;
  std::chrono::milliseconds latency;
};

class TableSinkBudget : public TableSinkTest, public ::testing::WithParamInterface<BudgetCase> {};

TEST_P(TableSinkBudget, IsNeverOverspentInAnyStretchOfTimeAndIsUsedWell) {
  const BudgetCase& test = GetParam();
  table_.units_per_item = test.units_per_item;
  table_.units_per_deletion = test.units_per_deletion;
  table_.latency = test.latency;
  make_sink(test.units_per_second);
  std::vector<std::vector<model::Change>> sides;
  for (int side = 0; side < 4; ++side) {
    sides.push_back(puts(25, "s" + std::to_string(side) + "-"));
    for (int i = 1; test.deletions && i < 25; i += 2) {
      sides.back()[static_cast<std::size_t>(i)] = deletion("s" + std::to_string(side) + "-" + std::to_string(i));
    }
  }
  constexpr std::chrono::milliseconds kTime{1'500};
  support::run_task(write_from_all_sides(*sink_, sides, kTime));

  ASSERT_FALSE(table_.consumed.empty());
  double total = 0;
  for (std::size_t first = 0; first < table_.consumed.size(); ++first) {
    double units = 0;
    for (std::size_t last = first; last < table_.consumed.size(); ++last) {
      units += table_.consumed[last].units;
      const double t = std::chrono::duration<double>(table_.consumed[last].at - table_.consumed[first].at).count();
      ASSERT_LE(units, test.units_per_second * (t + 1)) << "requests " << first << " to " << last;
    }
    if (first == 0) total = units;
  }
  EXPECT_GT(total, 0.8 * test.units_per_second * std::chrono::duration<double>(kTime).count());
  // Where an answer takes longer than its units need to come back, using the budget takes several requests at once.
  if (test.latency > std::chrono::milliseconds(100)) {
    EXPECT_GT(table_.largest_overlap, 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Costs, TableSinkBudget,
                         ::testing::Values(BudgetCase{"AsEstimated", 400, 1, 1, false, std::chrono::milliseconds(20)},
                                           BudgetCase{"SixIndexes", 400, 7, 7, false, std::chrono::milliseconds(20)},
                                           BudgetCase{"DearDeletions", 400, 1, 5, true, std::chrono::milliseconds(20)},
                                           BudgetCase{"LongAnswers", 1'000, 3, 3, false,
                                                      std::chrono::milliseconds(150)}),
                         [](const auto& info) { return info.param.name; });

TEST_F(TableSinkTest, StaysWithinTheBudgetByEstimateWhenTheServiceDoesNotTellUnits) {
  table_.tells_units = false;
  make_sink(400.0);
  const std::vector<std::vector<model::Change>> sides(1, puts(25));
  support::run_task(write_from_all_sides(*sink_, sides, std::chrono::milliseconds(700)));
  double units = 0;
  for (const auto& request : table_.consumed) units += request.units;
  EXPECT_LE(units, 400 * 1.7);
  EXPECT_GE(units, 400 * 0.7);
}

TEST_F(TableSinkTest, LetsAnItemAboveTheWholeBudgetPassOnce) {
  make_sink(20.0);
  table_.units_per_item = 30;
  EXPECT_EQ(letters_of(*write({put("large", 30'000)})), "a");
}

}  // namespace
}  // namespace dynamirror::sink
