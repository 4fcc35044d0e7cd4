// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <string>

#include "base/error.hpp"

struct ssl_st;
struct ssl_session_st;

namespace dynamirror::http::impl {

/// TLS 1.2 and later, peers verified against the file, or the system's store when `ca_bundle` is empty.
/// Errors: class invalid, naming the file.
[[nodiscard]] Result<std::unique_ptr<boost::asio::ssl::context>> make_client_context(const std::string& ca_bundle);

/// Errors: class invalid for a certificate or key that cannot be used.
[[nodiscard]] Result<std::unique_ptr<boost::asio::ssl::context>> make_server_context(const std::string& certificate_pem,
                                                                                     const std::string& key_pem);

/// What an earlier connection to the same server left behind, so that the next handshake is shorter. Holds at most one
/// session, the latest. Outlives the connections it is offered to.
class TlsSession {
 public:
  TlsSession() = default;
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession() { clear(); }

  /// Takes over the reference.
  void put(ssl_session_st* session);
  void clear() { put(nullptr); }
  [[nodiscard]] ssl_session_st* get() const { return session_; }

  /// Offers the session to a connection of make_client_context() before its handshake, and collects its successor.
  void use_for(ssl_st* ssl);

 private:
  ssl_session_st* session_ = nullptr;
};

/// Makes the next handshake name `host` (SNI) and accept a certificate for it alone. `host`: name or address.
void expect_host(ssl_st* ssl, const std::string& host);

/// The handshake was the short one, with a session of before.
[[nodiscard]] bool is_resumed(ssl_st* ssl);

/// Why a handshake failed: class denied ("Tls") with reason and remedy when the certificate did not verify, otherwise
/// class transient ("Protocol" or "Closed").
[[nodiscard]] Error handshake_error(ssl_st* ssl, const std::string& host, const boost::system::error_code& error);

}  // namespace dynamirror::http::impl
