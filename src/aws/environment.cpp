// SPDX-License-Identifier: Apache-2.0
#include "aws/environment.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <system_error>

#include "base/text.hpp"

namespace dynamirror::aws {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const { (void)std::fclose(file); }
};

Error file_error(const std::string& path, int error_number) {
  const ErrorClass error_class = error_number == ENOENT || error_number == ENOTDIR ? ErrorClass::kNotFound
                                 : error_number == EACCES || error_number == EPERM ? ErrorClass::kDenied
                                                                                   : ErrorClass::kInvalid;
  return Error{.error_class = error_class,
               .doing = "read file",
               .resource = path,
               .code = {},
               .message = std::generic_category().message(error_number)};
}

class ProcessEnvironment final : public Environment {
 public:
  [[nodiscard]] std::optional<std::string> variable(std::string_view name) const override {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  }

  [[nodiscard]] Result<std::string> read_file(const std::string& path) const override {
    const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rbe"));
    if (!file) return std::unexpected(file_error(path, errno));
    std::string text;
    char chunk[8192];
    for (std::size_t got = sizeof chunk; got == sizeof chunk;) {
      got = std::fread(chunk, 1, sizeof chunk, file.get());
      text.append(chunk, got);
      if (text.size() > kMaxFileBytes) {
        return failure(ErrorClass::kInvalid, "read file", path, "larger than any configuration file should be");
      }
    }
    // A directory opens like a file and fails only here.
    if (std::ferror(file.get()) != 0) return std::unexpected(file_error(path, errno));
    return text;
  }
};

}  // namespace

bool Environment::is_true(std::string_view name) const {
  const auto value = variable(name);
  return value && to_lower(*value) == "true";
}

std::string Environment::expand_home(std::string_view path) const {
  const auto home = variable("HOME");
  if (!home || (path != "~" && !path.starts_with("~/"))) return std::string(path);
  return *home + std::string(path.substr(1));
}

const Environment& process_environment() {
  static const ProcessEnvironment environment;
  return environment;
}

}  // namespace dynamirror::aws
