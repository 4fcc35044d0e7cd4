// SPDX-License-Identifier: Apache-2.0
// How texts become 128 well-mixed bits: for `item_digest` only.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "model/item_digest.hpp"

namespace dynamirror::model::impl {

/// Takes words and texts in order and ends in 128 bits. Against accident, not against an attacker.
///
/// Each step is a bijection of the 128-bit state for given input, and of the input for a given state: two texts that
/// differ in one 16-byte block never meet, and others meet by chance, once in 2^128. Every text ends with its length,
/// so that what is taken one after the other cannot be cut differently ("ab","c" and "a","bc"). Pure.
class Mixing {
 public:
  explicit Mixing(std::uint64_t kind) : a_(kind * kOdd1 + kOdd2), b_(kind ^ kOdd3) {}

  Mixing& word(std::uint64_t value) {
    take(value, kOdd4);
    return *this;
  }

  Mixing& digest(const ItemDigest& digest) {
    take(digest.high, digest.low);
    return *this;
  }

  Mixing& text(std::string_view bytes) {
    const char* next = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 16; left -= 16, next += 16) take(load(next, 8), load(next + 8, 8));
    // The last block is filled with zeros; the length tells it from one that ends in zeros.
    const std::uint64_t first = load(next, left < 8 ? left : 8);
    const std::uint64_t second = left > 8 ? load(next + 8, left - 8) : 0;
    take(first, second);
    take(bytes.size(), kOdd3);
    return *this;
  }

  /// Every bit of the state reaches every bit of the result.
  [[nodiscard]] ItemDigest end() const {
    std::uint64_t a = scramble(a_ + b_);
    std::uint64_t b = scramble(b_ ^ std::rotl(a, 32));
    a = scramble(a + b);
    b = scramble(b + std::rotl(a, 17));
    return {a, b};
  }

 private:
  // Odd, without pattern: the first digits of square roots, as hash functions use them.
  static constexpr std::uint64_t kOdd1 = 0x6a09e667f3bcc909;  // of 2
  static constexpr std::uint64_t kOdd2 = 0xbb67ae8584caa73b;  // of 3
  static constexpr std::uint64_t kOdd3 = 0x3c6ef372fe94f82b;  // of 5
  static constexpr std::uint64_t kOdd4 = 0xa54ff53a5f1d36f1;  // of 7

  static std::uint64_t load(const char* from, std::size_t size) {
    std::uint64_t word = 0;
    if (size == 8) {
      std::memcpy(&word, from, 8);  // the compiler makes one load of it
    } else if (size > 0) {
      std::memcpy(&word, from, size);
    }
    return word;
  }

  /// A bijection of 64 bits: each multiplication carries low bits up, each shift brings high bits down.
  static std::uint64_t scramble(std::uint64_t x) {
    x ^= x >> 32;
    x *= kOdd1;
    x ^= x >> 29;
    x *= kOdd2;
    return x ^ (x >> 32);
  }

  void take(std::uint64_t first, std::uint64_t second) {
    a_ = (a_ ^ first) * kOdd1;
    a_ ^= a_ >> 32;
    b_ = (b_ ^ second) * kOdd2;
    b_ ^= b_ >> 29;
    a_ += b_;
    b_ = std::rotl(b_, 23) + a_;
  }

  std::uint64_t a_;
  std::uint64_t b_;
};

/// The digest of things without order, from well-mixed digests of each: their sum modulo 2^128, and their count.
///
/// A sum and not an exclusive or, in which two equal members would cancel each other: k equal members with digest x
/// vanish from a sum only when k · x is a multiple of 2^128, which a mixed x is with a chance below k / 2^128. Sums of
/// different members are as evenly spread as the members, so two bags meet once in 2^128. Pure.
class Unordered {
 public:
  void add(const ItemDigest& member) {
    const std::uint64_t low = sum_.low + member.low;
    sum_.high += member.high + (low < sum_.low ? 1 : 0);
    sum_.low = low;
    ++count_;
  }

  [[nodiscard]] ItemDigest end(std::uint64_t kind) const { return Mixing(kind).digest(sum_).word(count_).end(); }

 private:
  ItemDigest sum_{};
  std::uint64_t count_ = 0;
};

}  // namespace dynamirror::model::impl
