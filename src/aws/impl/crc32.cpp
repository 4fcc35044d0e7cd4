// SPDX-License-Identifier: Apache-2.0
#include "aws/impl/crc32.hpp"

#include <isa-l/crc.h>

namespace dynamirror::aws {

// ISA-L folds with carry-less multiplication: megabytes of stream pages are checked at many times zlib's speed.
std::uint32_t crc32(std::string_view text) {
  return crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

}  // namespace dynamirror::aws
