// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "async/signal.hpp"
#include "async/sleep.hpp"
#include "aws/api_client.hpp"
#include "aws/dynamodb/client.hpp"
#include "http/transport.hpp"
#include "support/aws_stand_ins.hpp"

namespace dynamirror::support {

/// A table with the key "id" (S) below the real client, of which BatchGetItem reads: it leaves out, refuses, throttles
/// and charges as told. Not thread-safe.
class PlayedPrimary final : public http::Transport {
 public:
  // What it is told.
  std::map<std::string, std::string> items;      ///< by id; the text is answered byte for byte
  std::map<std::string, int> unprocessed_times;  ///< by id: how often it is left over yet
  std::set<std::string> refused_ids;             ///< whatever asks for them is a ValidationException
  std::string next_error;                        ///< type of the answer to all requests, if not empty
  std::size_t most_items = 100;                  ///< in one answer; the rest is left over
  double units_per_item = 1;
  std::function<async::Task<>()> before_answer;  ///< the items are looked up before it

  // What it saw.
  std::vector<std::vector<std::string>> asked;  ///< ids of each request
  double consumed = 0;

  [[nodiscard]] async::Task<Result<http::Response>> send(const http::Request& request, http::SendOptions) override {
    http::Response response = answer(request);
    if (before_answer) co_await before_answer();
    co_return response;
  }

  /// The client to read it with. REQUIRES: nothing moves while it is used.
  [[nodiscard]] aws::DynamoDbClient& client() { return client_; }

 private:
  static http::Response error(int status, const std::string& type) {
    return {
        .status = status, .headers = {}, .body = R"({"__type":"com.amazonaws#)" + type + R"(","message":"as told"})"};
  }

  http::Response answer(const http::Request& request) {
    const boost::json::object body = boost::json::parse(request.body).as_object();
    const boost::json::object& wanted = body.at("RequestItems").at("Primary").as_object();
    EXPECT_TRUE(wanted.at("ConsistentRead").as_bool());
    std::vector<std::string>& ids = asked.emplace_back();
    for (const auto& key : wanted.at("Keys").as_array()) ids.emplace_back(key.at("id").at("S").as_string());
    EXPECT_LE(ids.size(), 100u);
    if (!next_error.empty()) return error(400, next_error);
    const bool refused = std::ranges::any_of(ids, [&](const auto& id) { return refused_ids.contains(id); });
    if (refused) return error(400, "ValidationException");
    std::string found;
    std::string left;
    std::size_t answered = 0;
    for (const std::string& id : ids) {
      if (unprocessed_times[id] > 0 || answered >= most_items) {
        --unprocessed_times[id];
        left += (left.empty() ? "" : ",") + (R"({"id":{"S":")" + id + "\"}}");
        continue;
      }
      ++answered;
      const auto item = items.find(id);
      if (item != items.end()) found.append(found.empty() ? "" : ",").append(item->second);
    }
    const double units = units_per_item * static_cast<double>(answered);
    consumed += units;
    std::string text = R"({"Responses":{"Primary":[)" + found + R"(]},"UnprocessedKeys":{)";
    if (!left.empty()) text += R"("Primary":{"ConsistentRead":true,"Keys":[)" + left + "]}";
    text += R"(},"ConsumedCapacity":[{"TableName":"Primary","CapacityUnits":)" + std::to_string(units) + "}]}";
    return {.status = 200, .headers = {}, .body = std::move(text)};
  }

  static aws::ApiClient::Options options() {
    aws::ApiClient::Options options{.endpoint = {.tls = false, .host = "127.0.0.1", .port = 1},
                                    .region = Region("eu-west-1")};
    options.retry = {.max_attempts = 2,
                     .backoff = {.base = std::chrono::milliseconds(1), .cap = std::chrono::milliseconds(1)}};
    return options;
  }

  StandInCredentials credentials_;
  Random random_{1};
  aws::ApiClient api_{options(), *this, credentials_, system_clock(), random_};
  aws::DynamoDbClient client_{api_, system_clock()};
};

}  // namespace dynamirror::support
