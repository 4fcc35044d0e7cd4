// SPDX-License-Identifier: Apache-2.0
// The first program of the bundle, linked statically: it starts dynamirror with the loader, the libraries and the
// certificates that lie beside it, so that the machine's own (older ones, or none) do not matter.
//
// Started by Lambda it runs `dynamirror lambda`; anywhere else it hands on its arguments: `bootstrap --version`.
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kCannotRun = 126;

int complain(const std::string& about) {
  const std::string text = "error: bootstrap: cannot run " + about + ": " + strerror(errno) + "\n";
  (void)fputs(text.c_str(), stderr);
  return kCannotRun;
}

/// The folder that this program lies in; empty when /proc does not tell.
std::string own_folder() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0) return "";
  const std::string own(path.data(), static_cast<size_t>(size));
  return own.substr(0, own.rfind('/') + 1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = own_folder();
  if (folder.empty()) return complain("without /proc");
  const std::string loader = folder + "lib/ld.so";
  // --library-path replaces LD_LIBRARY_PATH, which Lambda points at its own image.
  std::vector<std::string> command = {loader,    "--inhibit-cache", "--library-path",         folder + "lib",
                                      "--argv0", "dynamirror",      folder + "bin/dynamirror"};
  if (getenv("AWS_LAMBDA_RUNTIME_API") != nullptr) {
    command.emplace_back("lambda");
    // In a container image the handler's name is the command, and nobody else puts it into the environment.
    if (argc > 1) setenv("_HANDLER", argv[1], 0);
  } else {
    command.insert(command.end(), argv + 1, argv + argc);
  }
  setenv("SSL_CERT_FILE", (folder + "certificates.pem").c_str(), 0);

  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  execv(loader.c_str(), arguments.data());
  return complain(loader);
}
