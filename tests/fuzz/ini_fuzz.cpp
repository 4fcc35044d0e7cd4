// SPDX-License-Identifier: Apache-2.0
//
// Goal: no bytes in a shared config or credentials file crash the parser, and what it gives keeps its promises.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "aws/credentials/impl/ini.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto sections = dynamirror::aws::parse_ini(text, "file");
  int last_line = 0;
  for (const auto& section : sections) {
    if (section.line <= last_line) std::abort();
    last_line = section.line;
    // The text of the file may be a secret: only our own words and the line may appear.
    if (section.trouble && !section.trouble->message.starts_with("line ")) std::abort();
    if (section.name.empty() && !section.trouble) std::abort();
    for (const auto& [name, value] : section.properties) {
      if (name.empty() || value.size() > size) std::abort();
    }
  }
  return 0;
}
