// SPDX-License-Identifier: Apache-2.0
//
// Stands before the C library's functions of the same names: a dynamic program's own definitions come first.
// REQUIRES: included by one source file of a test program, one thread of which changes the disk at a time.
#pragma once

#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

namespace dynamirror::test {

/// What happens to the n-th call that changes the disk (write to a regular file, fsync, fdatasync, ftruncate,
/// rename, unlink) while armed.
enum class DiskFault {
  kKillBefore,  ///< the process dies by SIGKILL before the call takes effect
  kKillAfter,   ///< … right after it
  kKillHalf,    ///< … after half of a write; as kKillBefore for other calls
  kFail,        ///< the call fails with ENOSPC and changes nothing
  kFailHalf,    ///< a write is cut in half, and calls after it fail with ENOSPC until disarmed
};

namespace impl {

struct Armed {
  DiskFault fault;
  int call;
};

// Forked children inherit it.
inline std::optional<Armed> g_armed;
inline int g_calls = 0;

inline void die() { ::kill(::getpid(), SIGKILL); }

/// Runs one call under the fault. `real(half)` executes it, only half of it if asked (and if it can be halved).
template <class Real>
auto under_fault(Real real, bool can_be_halved) -> decltype(real(false)) {
  if (!g_armed) return real(false);
  ++g_calls;
  const bool fails_from_now_on = g_armed->fault == DiskFault::kFailHalf && g_calls > g_armed->call;
  if (g_calls != g_armed->call && !fails_from_now_on) return real(false);
  const bool half = can_be_halved && !fails_from_now_on;
  switch (g_armed->fault) {
    case DiskFault::kKillHalf:
      if (half) (void)real(true);
      die();
      break;
    case DiskFault::kKillBefore:
      die();
      break;
    case DiskFault::kKillAfter:
      (void)real(false);
      die();
      break;
    case DiskFault::kFailHalf:
      if (half) return real(true);
      break;
    case DiskFault::kFail:
      break;
  }
  errno = ENOSPC;
  return -1;
}

template <class Function>
Function* real_function(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace impl

/// Arms the fault for the n-th call from now on, n counting from 1. A kill is meant for a forked child.
inline void arm_disk_fault(DiskFault fault, int call) {
  impl::g_armed = impl::Armed{fault, call};
  impl::g_calls = 0;
}

/// Ends it. Returns how many calls were counted since it was armed: fewer than `call` means that the fault did not
/// happen.
inline int disarm_disk_fault() {
  impl::g_armed.reset();
  return impl::g_calls;
}

}  // namespace dynamirror::test

using dynamirror::test::impl::real_function;
using dynamirror::test::impl::under_fault;

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  static auto* const real = real_function<ssize_t(int, const void*, size_t)>("write");
  struct stat status{};
  const bool on_disk = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && fd > STDERR_FILENO;
  if (!on_disk) return real(fd, bytes, size);
  return under_fault([&](bool half) { return real(fd, bytes, half ? size / 2 : size); }, true);
}

int fsync(int fd) {
  static auto* const real = real_function<int(int)>("fsync");
  return under_fault([&](bool) { return real(fd); }, false);
}

int fdatasync(int fd) {
  static auto* const real = real_function<int(int)>("fdatasync");
  return under_fault([&](bool) { return real(fd); }, false);
}

int ftruncate(int fd, off_t size) noexcept {
  static auto* const real = real_function<int(int, off_t)>("ftruncate");
  return under_fault([&](bool) { return real(fd, size); }, false);
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = real_function<int(const char*, const char*)>("rename");
  return under_fault([&](bool) { return real(from, to); }, false);
}

int unlink(const char* name) noexcept {
  static auto* const real = real_function<int(const char*)>("unlink");
  return under_fault([&](bool) { return real(name); }, false);
}

}  // extern "C"
