// SPDX-License-Identifier: Apache-2.0
//
// Goal: no bytes that a table may answer crash the digest or the key argument, and what they take keeps their promises.
// Method: libFuzzer; the first byte picks the key schema, the rest is the item.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "model/item_difference.hpp"
#include "model/item_digest.hpp"
#include "model/key_argument.hpp"
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

void check_item(std::string_view text, const model::KeySchema& schema) {
  static model::ItemDigester digester;
  const auto digest = digester.digest(text);
  const auto keyed = digester.digest_with_key(text, schema);
  if (!digest) {
    require(digest.error().error_class == ErrorClass::kInvalid && !keyed);
    return;
  }
  const auto again = digester.digest(" " + std::string(text) + "\n");
  require(again && *again == *digest);
  const auto same = item_difference(digester, text, text);
  require(same && same->empty());
  if (!keyed) return;
  require(keyed->item == *digest);
  model::KeyCanonicalizer keys(schema);
  const auto key = keys.from_item(text);
  if (!key) return;  // the digest does not look at the type of a key attribute
  const auto key_digest = digester.digest(*key);
  require(key_digest && *key_digest == keyed->key);
}

void check_key(std::string_view text, const model::KeySchema& schema) {
  const auto key = model::parse_key_argument(text, schema);
  if (!key) {
    require(key.error().error_class == ErrorClass::kInvalid && !key.error().message.empty());
    return;
  }
  const auto again = model::parse_key_argument(*key, schema);
  require(again && *again == *key);
}

}  // namespace
}  // namespace dynamirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto schema = dynamirror::schema_of(data[0]);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  dynamirror::check_item(text, schema);
  dynamirror::check_key(text, schema);
  return 0;
}
