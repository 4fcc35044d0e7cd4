// SPDX-License-Identifier: Apache-2.0
#include "objects/gzip.hpp"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace dynamirror::objects {
namespace {

constexpr int kLevel = 1;

std::uint8_t* bytes_of(std::string& text) { return reinterpret_cast<std::uint8_t*>(text.data()); }

std::unexpected<Error> damaged(std::string message) {
  return failure(ErrorClass::kInvalid, "unpack gzip", {}, std::move(message));
}

}  // namespace

std::string gzip(std::string_view text) {
  assert(text.size() < (1u << 30));  // the library counts in 32 bits
  std::array<std::uint8_t, ISAL_DEF_LVL1_DEFAULT> level_buffer;
  isal_zstream stream;
  isal_deflate_init(&stream);
  stream.level = kLevel;
  stream.level_buf = level_buffer.data();
  stream.level_buf_size = level_buffer.size();
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // read only, says the library
  stream.avail_in = static_cast<std::uint32_t>(text.size());

  std::string packed(text.size() / 4 + 1'024, '\0');
  std::size_t size = 0;
  while (true) {  // grows at each turn
    stream.next_out = bytes_of(packed) + size;
    stream.avail_out = static_cast<std::uint32_t>(packed.size() - size);
    [[maybe_unused]] const int status = isal_deflate(&stream);
    assert(status == COMP_OK);
    size = packed.size() - stream.avail_out;
    if (stream.internal_state.state == ZSTATE_END) break;
    packed.resize(packed.size() * 2);
  }
  packed.resize(size);
  return packed;
}

struct GzipReader::Impl {
  inflate_state state{};
  std::string piece;
  bool in_member = false;  ///< some bytes of a member were seen, its end was not
};

GzipReader::GzipReader() : impl_(std::make_unique<Impl>()) {}
GzipReader::~GzipReader() = default;
GzipReader::GzipReader(GzipReader&&) noexcept = default;
GzipReader& GzipReader::operator=(GzipReader&&) noexcept = default;

void GzipReader::feed(std::string piece) {
  assert(impl_->state.avail_in == 0);
  impl_->piece = std::move(piece);
  impl_->state.next_in = bytes_of(impl_->piece);
  impl_->state.avail_in = static_cast<std::uint32_t>(impl_->piece.size());
}

Result<std::string> GzipReader::next(std::size_t max_bytes) {
  inflate_state& state = impl_->state;
  std::string text(max_bytes, '\0');
  std::size_t size = 0;
  // A call that neither reads nor writes ends the loop: the rest of the member is in the next piece.
  while (size < max_bytes) {
    if (!impl_->in_member) {
      if (state.avail_in == 0) break;
      std::uint8_t* const next_in = state.next_in;
      const std::uint32_t avail_in = state.avail_in;
      isal_inflate_init(&state);
      state.crc_flag = ISAL_GZIP;
      state.next_in = next_in;
      state.avail_in = avail_in;
      impl_->in_member = true;
    }
    state.next_out = bytes_of(text) + size;
    state.avail_out = static_cast<std::uint32_t>(max_bytes - size);
    const std::uint32_t unread = state.avail_in;
    if (isal_inflate(&state) != ISAL_DECOMP_OK) return damaged("the data is damaged, or is no gzip");
    const std::size_t before = std::exchange(size, max_bytes - state.avail_out);
    if (state.block_state == ISAL_BLOCK_FINISH) {
      impl_->in_member = false;
    } else if (size == before && state.avail_in == unread) {
      break;
    }
  }
  text.resize(size);
  return text;
}

Status GzipReader::finish() const {
  if (impl_->in_member) return damaged("the data ends in mid-file: it was cut off");
  return {};
}

}  // namespace dynamirror::objects
