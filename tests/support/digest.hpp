// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dynamirror::support {

// The checksums and digests of the AWS wire, written apart from the program under test: a stand-in that borrowed them
// would agree with a mistake. Thread-safe.

/// CRC-32 (IEEE 802.3), as in x-amz-crc32. Continues from `previous`, so crc32(b, crc32(a)) == crc32(a + b).
[[nodiscard]] std::uint32_t crc32(std::string_view bytes, std::uint32_t previous = 0);

/// 32 bytes.
[[nodiscard]] std::string sha256(std::string_view bytes);
/// 32 bytes.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view bytes);

/// Lower-case.
[[nodiscard]] std::string hex(std::string_view bytes);

/// The decoded bytes; nothing when the text is not canonical, padded base64.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);
[[nodiscard]] std::string base64_encode(std::string_view bytes);

/// The same 64 bits on every platform and in every run (FNV-1a with a final mix); not for secrets.
[[nodiscard]] std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace dynamirror::support
