// SPDX-License-Identifier: Apache-2.0
#include "model/base64.hpp"

namespace dynamirror::model {

void append_canonical_base64(std::string& out, std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string_view bare = text;
  while (bare.ends_with('=')) bare.remove_suffix(1);
  const std::size_t over = bare.size() % 4;
  if (over == 0) {
    out += bare;
    return;
  }
  const std::size_t last = kAlphabet.find(bare.back());
  if (over == 1 || last == std::string_view::npos) {
    out += text;
    return;
  }
  out += bare;
  out.back() = kAlphabet[last & (over == 2 ? ~std::size_t{15} : ~std::size_t{3})];
  out.append(4 - over, '=');
}

}  // namespace dynamirror::model
