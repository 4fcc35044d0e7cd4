// SPDX-License-Identifier: Apache-2.0
#include "base/random.hpp"

namespace dynamirror {

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace dynamirror
