// SPDX-License-Identifier: Apache-2.0
#include "json/reader.hpp"

#include <bit>
#include <cassert>

#include "json/impl/document.hpp"

namespace dynamirror::json {
namespace {

namespace ondemand = simdjson::ondemand;

static_assert(Reader::kPadding >= simdjson::SIMDJSON_PADDING);

/// The parser's buffers are about six times the text; after a rare giant they are given back.
constexpr std::size_t kLargestKept = 4u << 20;
constexpr std::size_t kSmallest = 4u << 10;

/// Runs the first stage: UTF-8, strings, and where the tokens are.
Status index(Document& document, const std::string& text) {
  if (!document.parser) document.parser.emplace();
  if (document.parser->capacity() < text.size()) {
    // In powers of two: simdjson itself would allocate anew for each text that is a byte longer than the last.
    const auto capacity = std::bit_ceil(std::max(text.size(), kSmallest));
    if (const auto error = document.parser->allocate(capacity)) return document.fail(error);
  }
  const simdjson::padded_string_view padded(text.data(), text.size(), text.capacity());
  if (const auto error = document.parser->iterate(padded).get(document.root)) return document.fail(error);
  return {};
}

/// A document of one scalar: simdjson's getters do not all look at what follows it.
Result<bool> is_scalar(Document& document, const std::string& text) {
  bool scalar = false;
  if (const auto error = document.root.is_scalar().get(scalar)) return document.fail(error);
  if (!scalar) return false;
  std::string_view token;  // up to the next token, or to the end
  if (const auto error = document.root.raw_json_token().get(token)) return document.fail(error);
  if (token.data() + token.size() != text.data() + text.size()) return document.fail(simdjson::TRAILING_CONTENT);
  return true;
}

}  // namespace

Reader::Reader() : document_(std::make_unique<Document>()) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

Status Reader::read(std::string& text, FunctionRef<Status(Value& root)> visit) {
  Document& document = *document_;
  assert(!document.reading);
  document.broken = false;
  text.reserve(text.size() + kPadding);
  if (auto indexed = index(document, text); !indexed) return indexed;
  const auto scalar = is_scalar(document, text);
  if (!scalar) return std::unexpected(scalar.error());

  Value root(document, nullptr);
  document.reading = true;
  Status status = visit(root);
  if (status && !root.consumed_) {
    if (auto skipped = root.raw(); !skipped) status = std::unexpected(std::move(skipped.error()));
  }
  document.reading = false;
  if (status && document.broken) status = document.fail("a failure was ignored");
  if (status && !*scalar && document.root.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    status = document.fail(simdjson::TRAILING_CONTENT);
  }
  if (text.size() > kLargestKept) document.parser.reset();
  return status;
}

Status Reader::read_copy(std::string_view text, FunctionRef<Status(Value& root)> visit) {
  document_->copy.reserve(text.size() + kPadding);
  document_->copy.assign(text);
  return read(document_->copy, visit);
}

}  // namespace dynamirror::json
