// SPDX-License-Identifier: Apache-2.0
//
// Goal: no bytes that a stream may answer crash us, and what we do take from them keeps its promises.
// Method: libFuzzer; the first byte picks the key schema, the rest is the page. Beside the parser of pages this drives
// the JSON reader over the same bytes in every way it can be asked.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "aws/streams/records_page.hpp"
#include "json/reader.hpp"
#include "model/key_canonicalizer.hpp"

namespace dynamirror {
namespace {

/// Not assert(): a fuzz program must fail whatever the build type.
void require(bool promise) {
  if (!promise) std::abort();
}

model::KeySchema schema_of(std::uint8_t choice) {
  static const char* const kTypes[] = {"S", "N", "B"};
  model::KeySchema schema{{"id", kTypes[choice % 3]}, {}};
  if (choice & 0x80) schema.range = model::KeyAttribute{"time", kTypes[choice / 3 % 3]};
  return schema;
}

void check_page(std::string& text, const model::KeySchema& schema) {
  static json::Reader reader;
  const std::string before = text;
  const auto page = aws::parse_records_page(text, schema, reader);
  require(text == before);
  if (!page) {
    require(page.error().error_class == ErrorClass::kFatal && !page.error().message.empty());
    return;
  }
  model::KeyCanonicalizer keys(schema);
  for (const model::Change& change : page->changes) {
    const auto again = keys.from_key(change.key());
    require(again && *again == change.key());
    require(!change.sequence().empty());
    if (!change.is_delete()) require(change.image().front() == '{' && change.image().back() == '}');
  }
}

/// Takes every value in the way that the byte under the cursor picks.
class Walker {
 public:
  explicit Walker(std::string_view choices) : choices_(choices) {}

  Status operator()(json::Value& value, int depth) {
    switch (next() % 9) {
      case 0:
        return ignore(value.raw());
      case 1:
        return ignore(value.string());
      case 2:
        return ignore(value.integer());
      case 3:
        return ignore(value.number());
      case 4:
        return ignore(value.boolean());
      case 5:
        (void)value.consume_null();  // what is no null stays untouched and is skipped
        return {};
      case 6:
        return {};  // not consumed
      case 7:
        if (depth > 50) return {};
        return value.for_each_element([&](json::Value& element) { return (*this)(element, depth + 1); });
      default:
        if (depth > 50) return {};
        return value.for_each_member([&](std::string_view name, json::Value& member) {
          return name == "stop" ? failure(ErrorClass::kConflict, "stop", {}, {}) : (*this)(member, depth + 1);
        });
    }
  }

 private:
  template <class T>
  Status ignore(const Result<T>& result) {
    if (result || next() % 2 == 0) return {};  // a failure that is ignored must not do harm either
    return std::unexpected(result.error());
  }

  std::uint8_t next() {
    if (choices_.empty()) return 8;
    const auto choice = static_cast<std::uint8_t>(choices_[at_++ % choices_.size()]);
    return choice;
  }

  std::string_view choices_;
  std::size_t at_ = 0;
};

void check_reader(std::string_view choices, std::string_view text) {
  static json::Reader reader;
  Walker walk(choices);
  (void)reader.read_copy(text, [&](json::Value& root) { return walk(root, 0); });
  // Whatever happened, the next document is read.
  const auto status = reader.read_copy("[1]", [](json::Value& root) -> Status {
    return root.for_each_element([](json::Value& one) -> Status {
      require(one.integer() == 1);
      return {};
    });
  });
  require(status.has_value());
}

}  // namespace
}  // namespace dynamirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  std::string page(rest);
  dynamirror::check_page(page, dynamirror::schema_of(data[0]));
  dynamirror::check_reader(rest.substr(0, 16), rest);
  dynamirror::check_reader(rest.substr(0, 8), rest.substr(std::min<std::size_t>(8, rest.size())));
  return 0;
}
