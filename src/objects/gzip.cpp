// SPDX-License-Identifier: Apache-2.0
#include "objects/gzip.hpp"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <utility>

namespace dynamirror::objects {
namespace {

constexpr std::size_t kMaxPiece = std::numeric_limits<std::uint32_t>::max();
constexpr std::array<std::uint32_t, 4> kLevelBufferBytes{ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
                                                         ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};

/// The library takes its input as mutable bytes, and does not write to them.
std::uint8_t* input_of(std::string_view bytes) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
}

std::unexpected<Error> damaged(std::string message) {
  return failure(ErrorClass::kInvalid, "unpack gzip", "", std::move(message));
}

}  // namespace

struct GzipWriter::Impl {
  explicit Impl(int level)
      : level_buffer(std::make_unique<std::uint8_t[]>(kLevelBufferBytes[static_cast<std::size_t>(level)])) {
    isal_deflate_init(&stream);
    stream.level = static_cast<std::uint32_t>(level);
    stream.level_buf = level_buffer.get();
    stream.level_buf_size = kLevelBufferBytes[static_cast<std::size_t>(level)];
    stream.gzip_flag = IGZIP_GZIP;
    stream.flush = NO_FLUSH;
  }

  std::string run(std::string_view piece, bool last) {
    std::string out;
    out.resize(piece.size() / 3 + 4096);
    std::size_t filled = 0;
    stream.next_in = input_of(piece);
    stream.avail_in = static_cast<std::uint32_t>(piece.size());
    stream.end_of_stream = last ? 1 : 0;
    for (;;) {  // ends, because each turn gives the stream room for more output
      const std::size_t room = std::min(out.size() - filled, kMaxPiece);
      stream.next_out = reinterpret_cast<std::uint8_t*>(out.data()) + filled;
      stream.avail_out = static_cast<std::uint32_t>(room);
      const int done = isal_deflate(&stream);
      assert(done == COMP_OK);
      (void)done;
      filled += room - stream.avail_out;
      if (stream.avail_out > 0) break;
      out.resize(out.size() * 2);
    }
    out.resize(filled);
    return out;
  }

  isal_zstream stream{};
  std::unique_ptr<std::uint8_t[]> level_buffer;
};

GzipWriter::GzipWriter(int level) {
  assert(level >= 0 && static_cast<std::size_t>(level) < kLevelBufferBytes.size());
  impl_ = std::make_unique<Impl>(level);
}
GzipWriter::~GzipWriter() = default;
GzipWriter::GzipWriter(GzipWriter&&) noexcept = default;
GzipWriter& GzipWriter::operator=(GzipWriter&&) noexcept = default;

std::string GzipWriter::add(std::string_view piece) {
  assert(piece.size() <= kMaxPiece);
  return impl_->run(piece, false);
}

std::string GzipWriter::finish() { return impl_->run({}, true); }

std::string gzip(std::string_view text, int level) {
  GzipWriter writer(level);
  std::string out = writer.add(text);
  out += writer.finish();
  return out;
}

struct GzipReader::Impl {
  Impl() {
    isal_inflate_init(&state);
    state.crc_flag = ISAL_GZIP_NO_HDR_VER;  // the trailer is checked
  }

  [[nodiscard]] bool begin_member() {
    if (in_member) return true;
    if (fed_at == fed.size()) return false;
    isal_inflate_reset(&state);
    isal_gzip_header_init(&header);
    in_member = true;
    in_header = true;
    return true;
  }

  /// Reads the header by itself: left to `isal_inflate`, one that is cut into pieces is forgotten between them.
  int run() {
    if (in_header) {
      const int outcome = isal_read_gzip_header(&state, &header);
      if (outcome != ISAL_DECOMP_OK) return outcome;
      in_header = false;
    }
    return isal_inflate(&state);
  }

  inflate_state state{};
  isal_gzip_header header{};
  std::string fed;
  std::size_t fed_at = 0;  ///< what of `fed` has been unpacked
  bool in_member = false;
  bool in_header = false;
  bool any_member = false;
  bool broken = false;
};

GzipReader::GzipReader() : impl_(std::make_unique<Impl>()) {}
GzipReader::~GzipReader() = default;
GzipReader::GzipReader(GzipReader&&) noexcept = default;
GzipReader& GzipReader::operator=(GzipReader&&) noexcept = default;

bool GzipReader::is_gzip(std::string_view begin) { return begin.starts_with("\x1f\x8b"); }

void GzipReader::feed(std::string bytes) {
  Impl& impl = *impl_;
  if (impl.fed_at == impl.fed.size()) {
    impl.fed = std::move(bytes);
  } else {
    impl.fed.erase(0, impl.fed_at);
    impl.fed += bytes;
  }
  impl.fed_at = 0;
}

Result<std::string> GzipReader::next(std::size_t max_bytes) {
  assert(max_bytes > 0 && max_bytes <= kMaxPiece);
  Impl& impl = *impl_;
  inflate_state& state = impl.state;
  if (impl.broken) return damaged("the gzip data is damaged");
  std::string out(max_bytes, '\0');
  std::size_t filled = 0;
  while (filled < max_bytes && impl.begin_member()) {  // each turn eats input, fills output, or ends
    const std::size_t given = std::min(impl.fed.size() - impl.fed_at, kMaxPiece);
    state.next_in = input_of(std::string_view(impl.fed).substr(impl.fed_at));
    state.avail_in = static_cast<std::uint32_t>(given);
    state.next_out = reinterpret_cast<std::uint8_t*>(out.data()) + filled;
    state.avail_out = static_cast<std::uint32_t>(max_bytes - filled);
    const int outcome = impl.run();
    const std::size_t eaten = given - state.avail_in;
    const std::size_t made = max_bytes - filled - state.avail_out;
    impl.fed_at += eaten;
    filled += made;
    if (outcome < 0 || outcome == ISAL_NEED_DICT) {
      impl.broken = true;
      return damaged(outcome == ISAL_INCORRECT_CHECKSUM ? "the gzip data is damaged: its checksum is wrong"
                     : outcome == ISAL_INVALID_WRAPPER  ? "the bytes are not gzip, or something else follows it"
                                                        : "the gzip data is damaged");
    }
    if (!impl.in_header && state.block_state == ISAL_BLOCK_FINISH) {
      impl.in_member = false;
      impl.any_member = true;
    } else if (eaten == 0 && made == 0) {
      break;
    }
  }
  out.resize(filled);
  return out;
}

Status GzipReader::finish() const {
  if (impl_->broken) return damaged("the gzip data is damaged");
  if (impl_->in_member || !impl_->any_member) return damaged("the gzip data is cut off");
  return {};
}

}  // namespace dynamirror::objects
