# SPDX-License-Identifier: Apache-2.0
# One folder below src/ is one library `dm_<folder>`; one folder below tests/unit/ is one test program `unit_<folder>`.

# dynamirror_folder(name LINKS other-folder-or-library ... [ELSEWHERE sources that another target compiles])
function(dynamirror_folder name)
  cmake_parse_arguments(ARG "" "" "LINKS;ELSEWHERE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  if(ARG_ELSEWHERE)
    list(REMOVE_ITEM sources ${ARG_ELSEWHERE})
  endif()
  if(sources)
    add_library(dm_${name} STATIC ${sources})
    dynamirror_batch(dm_${name} ${sources})
    set(scope PUBLIC)
  else()
    add_library(dm_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(dm_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
  foreach(link ${ARG_LINKS})
    if(TARGET dm_${link})
      target_link_libraries(dm_${name} ${scope} dm_${link})
    else()
      target_link_libraries(dm_${name} ${scope} ${link})
    endif()
  endforeach()
  # Coroutine headers cost 2-3 s per file: they are parsed once, in async, for all folders that use them.
  if(name STREQUAL "async")
    target_precompile_headers(dm_async PRIVATE ${CMAKE_SOURCE_DIR}/src/async/precompiled.hpp)
  elseif(sources AND ("asio" IN_LIST ARG_LINKS OR name MATCHES "^(aws|objects|source|coordination|sink|tables|pipeline|jobs|metrics|service|app)$"))
    target_precompile_headers(dm_${name} REUSE_FROM dm_async)
  endif()
endfunction()

# Programs that only check: compiled fast. A sanitizer or the simulation needs what it runs to be fast.
function(dynamirror_compile_fast name)
  if(name MATCHES "sim$" AND NOT DYNAMIRROR_SANITIZE)
    target_precompile_headers(${name} REUSE_FROM dm_async)
    return()
  endif()
  if(NOT DYNAMIRROR_SANITIZE)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  target_precompile_headers(${name} REUSE_FROM test_headers)
endfunction()

# dynamirror_test(name LABELS label ... LINKS ... SOURCES ... [SHARDS n]): a GoogleTest program. Its tests run in n
# processes side by side, for those that wait more than they compute.
function(dynamirror_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;SHARDS" "LABELS;LINKS;SOURCES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  dynamirror_batch(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  dynamirror_compile_fast(${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  # One ctest entry per program: starting a sanitized program hundreds of times would cost minutes.
  set(tests ${name})
  if(ARG_SHARDS)
    set(tests "")
    foreach(shard RANGE 1 ${ARG_SHARDS})
      math(EXPR index "${shard} - 1")
      # GTEST_OUTPUT names a folder, where each process needs a file of its own.
      add_test(
        NAME ${name}_${shard}
        COMMAND
          sh -c
          "GTEST_OUTPUT=\"\${GTEST_OUTPUT:+\${GTEST_OUTPUT}${name}_${shard}.xml}\" GTEST_TOTAL_SHARDS=${ARG_SHARDS} GTEST_SHARD_INDEX=${index} exec \"$<TARGET_FILE:${name}>\""
        WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
      list(APPEND tests ${name}_${shard})
    endforeach()
    set_tests_properties(${tests} PROPERTIES COST 100) # what waits begins first
  else()
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  endif()
  set_tests_properties(${tests} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
