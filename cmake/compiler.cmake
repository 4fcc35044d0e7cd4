# SPDX-License-Identifier: Apache-2.0
# Warnings, sanitizers, linker, ccache: everything about how a file is compiled.

option(DYNAMIRROR_TESTS "Build the tests" ON)
option(DYNAMIRROR_BENCH "Build the benchmarks" ON)
option(DYNAMIRROR_FUZZ "Build the fuzz targets (needs clang)" OFF)
set(DYNAMIRROR_SANITIZE "" CACHE STRING "address,undefined or thread; empty for none")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# Debian's g++ 12 at -O2 with asserts kept: a broken invariant must crash in production, too (house rule 22).
# The sanitizers' presets bring flags of their own.
if(NOT DYNAMIRROR_SANITIZE AND NOT DYNAMIRROR_FUZZ)
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
endif()

add_compile_options(-Wall -Wextra -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns falsely about moved-from strings, optionals and coroutine frames once sanitizers or -O2 inline them.
  add_compile_options(-Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds
                      -Wno-restrict -Wno-dangling-pointer -Wno-mismatched-new-delete)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # std::stable_sort of libstdc++ 12 uses what C++23 has deprecated.
  add_compile_options(-Wno-deprecated-declarations)
endif()

if(DYNAMIRROR_SANITIZE STREQUAL "thread")
  # Asio's fences are unknown to ThreadSanitizer; what they order is ordered by its mutexes, too.
  add_compile_options(-Wno-tsan)
endif()
if(DYNAMIRROR_SANITIZE)
  add_compile_options(-fsanitize=${DYNAMIRROR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${DYNAMIRROR_SANITIZE})
endif()

if(DYNAMIRROR_FUZZ)
  # Only the fuzz programs get libFuzzer's main (tests/fuzz); all code gets its coverage and the sanitizers.
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without these ccache refuses every file with a precompiled header; the base folder lets build folders share.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM AND NOT DYNAMIRROR_SANITIZE AND NOT DYNAMIRROR_FUZZ)
  add_link_options(-fuse-ld=mold)
endif()
