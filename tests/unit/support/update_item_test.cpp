// SPDX-License-Identifier: Apache-2.0
//
// Goal: the stand-in updates items as DynamoDB is documented to, and refuses what DynamoDB refuses.
// Method: over the wire, with a client that shares no code with the program's. That both agree with DynamoDB Local is
// checked by the contract of lease stores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/dynamodb_standin.hpp"
#include "support/raw_client.hpp"

namespace dynamirror::support {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class UpdateItemTest : public ::testing::Test {
 protected:
  UpdateItemTest() {
    standin.add_table({.name = "T", .key = {{"id", "S"}, {}}});
    client = std::make_unique<RawClient>(RawClient::Options{.port = standin.port()});
  }

  /// The answer to an update of item "a". `values` and `condition` may be empty.
  RawClient::Answer update(const std::string& expression, const std::string& values = {},
                           const std::string& condition = {}) {
    std::string body = R"({"TableName":"T","Key":{"id":{"S":"a"}},"UpdateExpression":")" + expression + "\"";
    if (!values.empty()) body += R"(,"ExpressionAttributeValues":{)" + values + "}";
    if (!condition.empty()) body += R"(,"ConditionExpression":")" + condition + "\"";
    return client->call("DynamoDB_20120810.UpdateItem", body + "}");
  }
  std::string item() {
    const auto items = standin.snapshot("T");
    return items.empty() ? "" : items.begin()->second;
  }

  DynamoDbStandin standin;
  std::unique_ptr<RawClient> client;
};

TEST_F(UpdateItemTest, SetsRemovesAndAdds) {
  standin.put("T", R"({"id":{"S":"a"},"n":{"N":"5"},"old":{"S":"x"},"other":{"BOOL":true},"s":{"SS":["p"]}})");
  const auto answer = update("SET v = :v, w = :v REMOVE old, absent ADD n :n, m :n, s :s",
                             R"(":v":{"S":"y"},":n":{"N":"2"},":s":{"SS":["p","q"]})");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(item(), R"({"id":{"S":"a"},"m":{"N":"2"},"n":{"N":"7"},"other":{"BOOL":true},"s":{"SS":["p","q"]},)"
                    R"("v":{"S":"y"},"w":{"S":"y"}})");
  EXPECT_THAT(standin.complaints(), IsEmpty());
}

TEST_F(UpdateItemTest, MakesAnItemThatIsNotThere) {
  EXPECT_EQ(update("SET v = :v", R"(":v":{"S":"y"})").status, 200);
  EXPECT_EQ(item(), R"({"id":{"S":"a"},"v":{"S":"y"}})");
}

TEST_F(UpdateItemTest, ChangesNothingWhenTheConditionDoesNotHold) {
  standin.put("T", R"({"id":{"S":"a"},"n":{"N":"5"}})");
  const std::string values = R"(":v":{"N":"6"},":n":{"N":"4"})";
  EXPECT_THAT(update("SET n = :v", values, "n = :n").body, HasSubstr("ConditionalCheckFailedException"));
  EXPECT_EQ(item(), R"({"id":{"S":"a"},"n":{"N":"5"}})");
  EXPECT_EQ(update("SET n = :v", R"(":v":{"N":"6"},":n":{"N":"5.0"})", "n = :n").status, 200);
  EXPECT_EQ(item(), R"({"id":{"S":"a"},"n":{"N":"6"}})");
  EXPECT_THAT(standin.complaints(), IsEmpty());
}

TEST_F(UpdateItemTest, RefusesWhatIsMalformed) {
  const std::string value = R"(":v":{"N":"6"})";
  for (const auto& [expression, values] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"v = :v", value},
                                                        {"SET", ""},
                                                        {"SET v :v", value},
                                                        {"SET v = :v,", value},
                                                        {"SET v = :v w = :v", value},
                                                        {"SET v = :v SET w = :v", value},
                                                        {"SET v = :v, v = :v", value},
                                                        {"SET v = :v REMOVE v", value},
                                                        {"SET id = :v", value},
                                                        {"REMOVE id", ""},
                                                        {"SET v = :w", value},
                                                        {"SET v = :v", ""},
                                                        {"REMOVE v", value},
                                                        {"SET #v = :v", value},
                                                        {"DELETE v :v", value},
                                                        {"ADD v :v", R"(":v":{"S":"x"})"}}) {
    const auto answer = update(expression, values);
    EXPECT_EQ(answer.status, 400) << expression;
    EXPECT_THAT(answer.body, HasSubstr("ValidationException")) << expression;
  }
  EXPECT_EQ(item(), "");
}

}  // namespace
}  // namespace dynamirror::support
