# SPDX-License-Identifier: Apache-2.0
# Every library we use, all from Debian 12; docs/architecture.md section 5 says why each.

find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(fmt REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(simdjson REQUIRED IMPORTED_TARGET GLOBAL simdjson)
add_library(simdjson ALIAS PkgConfig::simdjson)
pkg_check_modules(isal REQUIRED IMPORTED_TARGET GLOBAL libisal)
add_library(isal ALIAS PkgConfig::isal)
find_package(pugixml REQUIRED)

# Boost.Asio is header-only; one definition of its options for every translation unit.
add_library(asio INTERFACE)
target_link_libraries(asio INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(asio INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_NO_TS_EXECUTORS
                                          BOOST_ASIO_DISABLE_VISIBILITY BOOST_ASIO_SEPARATE_COMPILATION
                                          BOOST_ASIO_HAS_STD_INVOKE_RESULT)
