// SPDX-License-Identifier: Apache-2.0
#include "model/key.hpp"

namespace dynamirror::model {

std::string describe(const KeySchema& schema) {
  std::string text = schema.hash.name + " (" + schema.hash.type + ")";
  if (schema.range) text += ", " + schema.range->name + " (" + schema.range->type + ")";
  return text;
}

}  // namespace dynamirror::model
