// SPDX-License-Identifier: Apache-2.0
#include <cassert>
#include <cstring>
#include <string>

#include "json/impl/document.hpp"
#include "json/impl/number_syntax.hpp"
#include "json/reader.hpp"

namespace dynamirror::json {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::simdjson_result;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kWhitespace = " \t\n\r";
  while (!text.empty() && kWhitespace.find(text.back()) != std::string_view::npos) text.remove_suffix(1);
  return text;
}

/// A member's name as it stands in the text. simdjson gives it from behind its opening quote, without an end; looking
/// back from the value finds the closing quote without a scan of the name.
struct RawName {
  std::string_view text;
  bool escaped;
};
RawName name_before(const char* value, const char* name) {
  const char* end = value - 1;  // the colon, or whitespace around it
  while (*end != '"') --end;    // simdjson has seen a string and a colon in front of the value
  const std::string_view text(name, end);
  return {text, std::memchr(text.data(), '\\', text.size()) != nullptr};
}

bool is_scalar_token(std::string_view text) {
  const bool string = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return string || text == "true" || text == "false" || text == "null" || impl::is_number(text);
}

template <class Container>
simdjson_result<std::string_view> raw_container(simdjson_result<Container> opened) {
  Container container;
  if (const auto error = std::move(opened).get(container)) return error;
  return container.raw_json();
}

}  // namespace

/// The one place that knows what hides in a Value.
struct Value::Access {
  /// `use(x)` with x the document or the value: simdjson gives both the same functions.
  template <class Use>
  static auto with(Value& value, Use use) {
    if (value.parsed_ == nullptr) return use(value.document_.root);
    return use(*static_cast<ondemand::value*>(value.parsed_));
  }

  /// Takes the value by one of simdjson's getters.
  template <class Out, class Get>
  static Result<Out> consume(Value& value, Get get) {
    assert(!value.consumed_ && "a value can be consumed once");
    value.consumed_ = true;
    Document& document = value.document_;
    if (document.broken) return document.fail("the document is broken");
    Out out;
    if (const auto error = with(value, get).get(out)) return document.fail(error);
    return out;
  }

  /// After a callback: true when the walk must end, with the reason in `status`.
  static bool ended(Document& document, Status& status) {
    if (!status) {
      document.broken = true;
    } else if (document.broken) {
      status = document.fail("a failure was ignored");
    }
    return document.broken;
  }

  /// Opens an array or object for a walk, which callers nest as deep as the text does: the stack must not be the limit.
  template <class Container, class Get>
  static Result<Container> open(Value& value, Get get) {
    if (value.document_.depth >= Reader::kMaxDepth) {
      return value.document_.fail("it is nested more than " + std::to_string(Reader::kMaxDepth) + " levels deep");
    }
    return consume<Container>(value, get);
  }
};

namespace {

/// One more container is being walked, until its end in whatever way.
class Nesting {
 public:
  explicit Nesting(int& depth) : depth_(depth) { ++depth_; }
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  int& depth_;
};

}  // namespace

Status Value::for_each_member(FunctionRef<Status(std::string_view name, Value& member)> visit) {
  auto object = Access::open<ondemand::object>(*this, [](auto& value) { return value.get_object(); });
  if (!object) return std::unexpected(std::move(object.error()));
  Document& document = document_;
  const Nesting nesting(document.depth);
  for (auto item : *object) {
    if (item.error()) return document.fail(item.error());
    // By reference: copying simdjson's small structs costs a store-forwarding stall each, a quarter of the whole time.
    ondemand::field&& field = std::move(item).value_unsafe();
    auto [name, escaped] = name_before(field.value().raw_json_token().data(), field.key().raw());
    if (escaped) {
      if (const auto error = field.unescaped_key().get(name)) return document.fail(error);
    }
    Value member(document, &field.value());
    Status status = visit(name, member);
    if (Access::ended(document, status)) return status;
  }
  return {};
}

Status Value::for_each_element(FunctionRef<Status(Value& element)> visit) {
  auto array = Access::open<ondemand::array>(*this, [](auto& value) { return value.get_array(); });
  if (!array) return std::unexpected(std::move(array.error()));
  Document& document = document_;
  const Nesting nesting(document.depth);
  for (auto item : *array) {
    if (item.error()) return document.fail(item.error());
    ondemand::value&& parsed = std::move(item).value_unsafe();
    Value element(document, &parsed);
    Status status = visit(element);
    if (Access::ended(document, status)) return status;
  }
  return {};
}

Result<std::string_view> Value::raw() {
  auto span = Access::consume<std::string_view>(*this, [](auto& value) -> simdjson_result<std::string_view> {
    ondemand::json_type type;
    if (const auto error = value.type().get(type)) return error;
    if (type == ondemand::json_type::object) return raw_container<ondemand::object>(value.get_object());
    if (type == ondemand::json_type::array) return raw_container<ondemand::array>(value.get_array());
    return value.raw_json_token();
  });
  if (!span) return span;
  const std::string_view text = trimmed(*span);
  // simdjson counts brackets without telling their kinds apart; at least the outermost pair must match.
  const bool closed = (text.front() == '{' && text.back() == '}') || (text.front() == '[' && text.back() == ']');
  if (!closed && !is_scalar_token(text)) return document_.fail("a value that is not JSON");
  return text;
}

Result<std::string_view> Value::string() {
  return Access::consume<std::string_view>(*this, [](auto& value) { return value.get_string(); });
}

Result<std::int64_t> Value::integer() {
  return Access::consume<std::int64_t>(*this, [](auto& value) { return value.get_int64(); });
}

Result<double> Value::number() {
  return Access::consume<double>(*this, [](auto& value) { return value.get_double(); });
}

Result<bool> Value::boolean() {
  return Access::consume<bool>(*this, [](auto& value) { return value.get_bool(); });
}

bool Value::consume_null() {
  assert(!consumed_ && "a value can be consumed once");
  if (document_.broken) return false;
  std::string_view token;
  const auto error = Access::with(*this, [](auto& value) {
                       return simdjson_result<std::string_view>(value.raw_json_token());
                     }).get(token);
  // Not simdjson's own is_null(): that of a root looks behind the end of the text. A token that is left where it is
  // gets skipped like any other value that nobody asked for.
  consumed_ = !error && trimmed(token) == "null";
  return consumed_;
}

}  // namespace dynamirror::json
