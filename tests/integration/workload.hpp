// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/random.hpp"
#include "support/dynamodb_standin.hpp"

namespace dynamirror::integration {

/// Random changes of a table, as its users would make them: puts of items with attributes of every type, and deletes.
/// Every put writes a value never written before. Not thread-safe.
class Workload {
 public:
  struct Options {
    std::string table = "Orders";
    bool composite = false;  ///< the key is (id, time) in place of (id)
    int keys = 50;
    double deletes = 0.2;  ///< share of the changes
    std::uint64_t seed = 1;
  };

  Workload(support::DynamoDbStandin& table_owner, Options options)
      : owner_(table_owner), options_(std::move(options)), random_(options_.seed) {}

  void change(int times) {
    for (int i = 0; i < times; ++i) {
      const std::string key = key_members(static_cast<int>(random_.below(static_cast<std::uint64_t>(options_.keys))));
      if (random_.chance(options_.deletes)) {
        owner_.remove(options_.table, "{" + key + "}");
      } else {
        owner_.put(options_.table, "{" + key + "," + attributes() + "}");
      }
    }
  }

  /// One change of every key.
  void put_all() {
    for (int i = 0; i < options_.keys; ++i) owner_.put(options_.table, "{" + key_members(i) + "," + attributes() + "}");
  }

 private:
  [[nodiscard]] std::string key_members(int number) const {
    const std::string id = R"("id":{"S":"kéy \"\\ )" + std::to_string(options_.composite ? number / 5 : number) + "\"}";
    if (!options_.composite) return id;
    return R"("time":{"N":")" + std::to_string(number % 5) + ".50\"}," + id;
  }

  /// Every type, with the corners that get lost easily: 38 digits, empty values, escapes, nesting.
  [[nodiscard]] std::string attributes() {
    const std::string version = std::to_string(++version_);
    const std::string size(random_.below(300), 'x');
    return R"("v":{"N":")" + version + R"("},"digits":{"N":"-1.2345678901234567890123456789012345678E-100"},)" +
           R"("text":{"S":"grüß \u0001 \"quoted\" )" + size + R"("},"empty":{"S":""},"no bytes":{"B":""},)" +
           R"("bytes":{"B":"AAEC/w=="},"yes":{"BOOL":true},"nothing":{"NULL":true},)" +
           R"("words":{"SS":["b","a",""]},"numbers":{"NS":["3","1e2","-0.5"]},"blobs":{"BS":["AA==","/w=="]},)" +
           R"("list":{"L":[{"M":{"deep":{"L":[{"N":")" + version + R"("},{"L":[]}]}}},{"S":"]}"}]},"map":{"M":{}})";
  }

  support::DynamoDbStandin& owner_;
  Options options_;
  Random random_;
  std::uint64_t version_ = 0;
};

}  // namespace dynamirror::integration
