// SPDX-License-Identifier: Apache-2.0
#include "model/item_digest.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "model/base64.hpp"
#include "model/impl/mixing.hpp"
#include "model/number.hpp"

namespace dynamirror::model {
namespace {

using impl::Mixing;
using impl::Unordered;

constexpr std::string_view kDoing = "read item";

/// What is mixed in first, so that equal contents of different kinds differ.
enum class Kind : std::uint64_t { kItem = 1, kAttribute, kS, kN, kB, kBool, kNull, kList, kMap, kSS, kNS, kBS };

struct Type {
  std::string_view name;
  Kind kind;
};
constexpr std::array<Type, 10> kTypes{{{"S", Kind::kS},
                                       {"N", Kind::kN},
                                       {"B", Kind::kB},
                                       {"BOOL", Kind::kBool},
                                       {"NULL", Kind::kNull},
                                       {"L", Kind::kList},
                                       {"M", Kind::kMap},
                                       {"SS", Kind::kSS},
                                       {"NS", Kind::kNS},
                                       {"BS", Kind::kBS}}};

std::optional<Kind> kind_of(std::string_view type) {
  for (const Type& known : kTypes) {
    if (known.name == type) return known.kind;
  }
  return std::nullopt;
}

std::uint64_t seed(Kind kind) { return static_cast<std::uint64_t>(kind); }

std::unexpected<Error> refuse(std::string message) {
  return failure(ErrorClass::kInvalid, std::string(kDoing), {}, std::move(message));
}

ItemDigest attribute_digest(std::string_view name, const ItemDigest& value) {
  return Mixing(seed(Kind::kAttribute)).text(name).digest(value).end();
}

}  // namespace

struct ItemDigester::Impl {
  json::Reader reader;
  std::vector<std::string> ignored;  // few: a search is quick enough
  std::string buffer;                ///< a number or binary in its one spelling

  Result<ItemDigest> scalar(Kind as, Kind content, json::Value& value) {
    const auto text = value.string();
    if (!text) return std::unexpected(text.error());
    Mixing mixing(seed(as));
    if (content == Kind::kS) return mixing.text(*text).end();
    buffer.clear();
    if (content == Kind::kN) {
      append_canonical_number(buffer, *text);
    } else {
      append_canonical_base64(buffer, *text);
    }
    return mixing.text(buffer).end();
  }

  Result<ItemDigest> set(Kind kind, Kind content, json::Value& value) {
    Unordered members;
    Status status = value.for_each_element([&](json::Value& element) -> Status {
      const auto member = scalar(kind, content, element);
      if (!member) return std::unexpected(member.error());
      members.add(*member);
      return {};
    });
    if (!status) return std::unexpected(std::move(status.error()));
    return members.end(seed(kind));
  }

  Result<ItemDigest> list(json::Value& value) {
    Mixing mixing(seed(Kind::kList));
    std::uint64_t count = 0;
    Status status = value.for_each_element([&](json::Value& element) -> Status {
      const auto member = attribute_value(element);
      if (!member) return std::unexpected(member.error());
      mixing.digest(*member);
      ++count;
      return {};
    });
    if (!status) return std::unexpected(std::move(status.error()));
    return mixing.word(count).end();
  }

  Result<ItemDigest> boolean(Kind kind, json::Value& value) {
    const auto truth = value.boolean();
    if (!truth) return std::unexpected(truth.error());
    return Mixing(seed(kind)).word(*truth ? 1 : 2).end();
  }

  Result<ItemDigest> typed(Kind kind, json::Value& value) {
    switch (kind) {
      case Kind::kS:
      case Kind::kN:
      case Kind::kB:
        return scalar(kind, kind, value);
      case Kind::kSS:
        return set(kind, Kind::kS, value);
      case Kind::kNS:
        return set(kind, Kind::kN, value);
      case Kind::kBS:
        return set(kind, Kind::kB, value);
      case Kind::kBool:
      case Kind::kNull:
        return boolean(kind, value);
      case Kind::kList:
        return list(value);
      default:
        return map(value);
    }
  }

  Result<ItemDigest> attribute_value(json::Value& value) {
    std::optional<ItemDigest> digest;
    Status status = value.for_each_member([&](std::string_view type, json::Value& content) -> Status {
      const auto kind = kind_of(type);
      if (!kind) return refuse("there is no attribute type " + std::string(type));
      if (digest) return refuse("an attribute value has two types");
      auto typed_digest = typed(*kind, content);
      if (!typed_digest) return std::unexpected(std::move(typed_digest.error()));
      digest = *typed_digest;
      return {};
    });
    if (!status) return std::unexpected(std::move(status.error()));
    if (!digest) return refuse("an attribute value has no type");
    return *digest;
  }

  Status attributes(json::Value& map, FunctionRef<void(std::string_view, const ItemDigest&)> visit) {
    return map.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      const auto value = attribute_value(member);
      if (!value) return std::unexpected(value.error());
      visit(name, *value);
      return {};
    });
  }

  Result<ItemDigest> map(json::Value& value) {
    Unordered members;
    Status status = attributes(
        value, [&](std::string_view name, const ItemDigest& content) { members.add(attribute_digest(name, content)); });
    if (!status) return std::unexpected(std::move(status.error()));
    return members.end(seed(Kind::kMap));
  }

  Status read(std::string_view json, FunctionRef<void(std::string_view, const ItemDigest&)> visit) {
    const auto wanted = [&](std::string_view name, const ItemDigest& value) {
      if (std::ranges::find(ignored, name) == ignored.end()) visit(name, value);
    };
    Status status = reader.read_copy(json, [&](json::Value& root) { return attributes(root, wanted); });
    if (!status) status.error().doing = kDoing;
    return status;
  }
};

ItemDigester::ItemDigester(std::vector<std::string> ignored) : impl_(std::make_unique<Impl>()) {
  impl_->ignored = std::move(ignored);
}
ItemDigester::~ItemDigester() = default;
ItemDigester::ItemDigester(ItemDigester&&) noexcept = default;
ItemDigester& ItemDigester::operator=(ItemDigester&&) noexcept = default;

Result<ItemDigest> ItemDigester::digest(std::string_view item_json) {
  Unordered item;
  Status status = impl_->read(
      item_json, [&](std::string_view name, const ItemDigest& value) { item.add(attribute_digest(name, value)); });
  if (!status) return std::unexpected(std::move(status.error()));
  return item.end(seed(Kind::kItem));
}

Result<ItemDigester::Keyed> ItemDigester::digest_with_key(std::string_view item_json, const KeySchema& schema) {
  Unordered item;
  Unordered key;
  std::size_t attributes_seen = 0;
  Status status = impl_->read(item_json, [&](std::string_view name, const ItemDigest& value) {
    const ItemDigest attribute = attribute_digest(name, value);
    item.add(attribute);
    if (name != schema.hash.name && !(schema.range && name == schema.range->name)) return;
    key.add(attribute);
    ++attributes_seen;
  });
  if (!status) return std::unexpected(std::move(status.error()));
  if (attributes_seen != (schema.range ? 2u : 1u)) return refuse("an item has not exactly the key " + describe(schema));
  return Keyed{key.end(seed(Kind::kItem)), item.end(seed(Kind::kItem))};
}

Status ItemDigester::for_each_attribute(std::string_view item_json,
                                        FunctionRef<void(std::string_view, const ItemDigest&)> visit) {
  return impl_->read(item_json, visit);
}

bool same_item(std::string_view left_json, std::string_view right_json) {
  if (left_json == right_json) return true;
  ItemDigester digester;
  const auto left = digester.digest(left_json);
  const auto right = digester.digest(right_json);
  return left && right && *left == *right;
}

}  // namespace dynamirror::model
