// SPDX-License-Identifier: Apache-2.0
#include "aws/impl/xml.hpp"

#include <pugixml.hpp>
#include <utility>

namespace dynamirror::aws {

struct XmlDocument::Impl {
  pugi::xml_document document;
};

XmlDocument::XmlDocument(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
XmlDocument::~XmlDocument() = default;
XmlDocument::XmlDocument(XmlDocument&&) noexcept = default;
XmlDocument& XmlDocument::operator=(XmlDocument&&) noexcept = default;

std::optional<XmlDocument> XmlDocument::parse(std::string_view text) {
  if (text.find("<!DOCTYPE") != std::string_view::npos) return std::nullopt;
  auto impl = std::make_unique<Impl>();
  const pugi::xml_parse_result result =
      impl->document.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!result) return std::nullopt;
  return XmlDocument(std::move(impl));
}

std::optional<std::string> XmlDocument::text(const std::string& path) const {
  const pugi::xml_node node = impl_->document.first_element_by_path(path.c_str());
  if (!node) return std::nullopt;
  return std::string(node.text().get());
}

}  // namespace dynamirror::aws
