// SPDX-License-Identifier: Apache-2.0
#include "coordination/lease_names.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cassert>

namespace dynamirror::coordination {
namespace {

constexpr std::string_view kPrefix = "DynamoDBCrossRegionReplication";
constexpr std::size_t kLongestTableName = 255;
constexpr std::string_view kWorkerPrefix = "dynamirror-";
constexpr std::size_t kRandomDigits = 16;

std::string md5_hex(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  // FIPS builds of OpenSSL have no MD5; names are no secrets, but without it there is no name.
  [[maybe_unused]] const int done = EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr);
  assert(done == 1);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace

Result<std::string> cross_region_lease_table(std::string_view task_name, const CrossRegionTask& task) {
  std::string name(kPrefix);
  if (task_name.empty()) {
    name += md5_hex(task.source_region + task.source_table + task.target_region + task.target_table);
  } else {
    name += task_name;
  }
  if (name.size() > kLongestTableName) {
    return failure(ErrorClass::kInvalid, "name the lease table of task", std::string(task_name),
                   fmt::format("at most {} characters fit", kLongestTableName - kPrefix.size()));
  }
  return name;
}

std::string new_worker_id(Random& random) {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return fmt::format("{}{}-{}-{:016x}", kWorkerPrefix, host.data(), getpid(), random.next());
}

bool is_our_worker(std::string_view name) {
  const std::size_t random = name.rfind('-');
  if (!name.starts_with(kWorkerPrefix) || name.size() - random - 1 != kRandomDigits) return false;
  const std::size_t process = name.rfind('-', random - 1);
  const auto all_of = [&](std::size_t from, std::size_t to, std::string_view digits) {
    return from < to && name.substr(from, to - from).find_first_not_of(digits) == std::string_view::npos;
  };
  return process >= kWorkerPrefix.size() && process != std::string_view::npos &&
         all_of(process + 1, random, "0123456789") && all_of(random + 1, name.size(), "0123456789abcdef");
}

}  // namespace dynamirror::coordination
