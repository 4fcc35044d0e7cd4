// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace dynamirror::aws {

/// The CRC-32 of zlib and gzip (polynomial 0x04C11DB7, reflected), as x-amz-crc32 carries it.
[[nodiscard]] std::uint32_t crc32(std::string_view text);

}  // namespace dynamirror::aws
