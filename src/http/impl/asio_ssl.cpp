// SPDX-License-Identifier: Apache-2.0
// The body of Boost.Asio's TLS, compiled once for the whole program (BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/ssl/impl/src.hpp>
