// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dynamirror::aws {

/// A small XML answer, read as a whole. Namespaces are ignored: the services' element names are unique without them.
/// Entities beyond the predefined ones are not expanded, and documents with a DOCTYPE are refused.
class XmlDocument {
 public:
  /// Nothing when the text is not well-formed.
  [[nodiscard]] static std::optional<XmlDocument> parse(std::string_view text);
  ~XmlDocument();
  XmlDocument(XmlDocument&&) noexcept;
  XmlDocument& operator=(XmlDocument&&) noexcept;

  /// The text of the first element at a path of element names from the root, "A/B/C"; nothing when there is none.
  [[nodiscard]] std::optional<std::string> text(const std::string& path) const;

 private:
  struct Impl;
  explicit XmlDocument(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::aws
