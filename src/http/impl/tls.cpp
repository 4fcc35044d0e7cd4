// SPDX-License-Identifier: Apache-2.0
#include "http/impl/tls.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>

namespace dynamirror::http::impl {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

std::unexpected<Error> unusable(std::string doing, std::string resource, const error_code& error) {
  return failure(ErrorClass::kInvalid, std::move(doing), std::move(resource), error.message());
}

/// What an operator can do about a certificate that OpenSSL refused.
std::string remedy(long verify_result) {
  switch (verify_result) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "nobody this machine trusts has signed it; if the authority is your own, name its certificate file in "
             "AWS_CA_BUNDLE";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "check this machine's clock, or renew the server's certificate";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "no subject alternative name of it is the name asked for; check the endpoint, and any proxy in between "
             "(the "
             "common name does not count)";
    default:
      return "check the server's certificate chain";
  }
}

/// Where a connection keeps the pointer to its TlsSession.
int session_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* keeper = static_cast<TlsSession*>(SSL_get_ex_data(ssl, session_index()));
  if (keeper == nullptr) return 0;
  keeper->put(session);
  return 1;  // the reference is ours now
}

}  // namespace

void TlsSession::put(SSL_SESSION* session) {
  SSL_SESSION_free(session_);
  session_ = session;
}

void TlsSession::use_for(SSL* ssl) {
  SSL_set_ex_data(ssl, session_index(), this);
  if (session_ != nullptr) SSL_set_session(ssl, session_);
}

Result<std::unique_ptr<ssl::context>> make_client_context(const std::string& ca_bundle) {
  auto context = std::make_unique<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  // An idle connection gives its buffers back: 34 KB.
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context->native_handle(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context->native_handle(), keep_session);
  context->set_verify_mode(ssl::verify_peer);
  error_code error;
  if (ca_bundle.empty()) {
    context->set_default_verify_paths(error);
    if (error) return unusable("load the system's certificates", "", error);
  } else {
    context->load_verify_file(ca_bundle, error);
    if (error) return unusable("load certificates (AWS_CA_BUNDLE)", ca_bundle, error);
  }
  return context;
}

Result<std::unique_ptr<ssl::context>> make_server_context(const std::string& certificate_pem,
                                                          const std::string& key_pem) {
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  error_code error;
  context->use_certificate_chain(boost::asio::buffer(certificate_pem), error);
  if (error) return unusable("use the TLS certificate", "", error);
  context->use_private_key(boost::asio::buffer(key_pem), ssl::context::pem, error);
  if (error) return unusable("use the TLS key", "", error);
  return context;
}

void expect_host(ssl_st* ssl, const std::string& host) {
  error_code not_an_address;
  boost::asio::ip::make_address(host, not_an_address);
  if (!not_an_address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
    return;  // RFC 6066 section 3: no address in SNI
  }
  // RFC 6125 section 6.4.4 leaves the common name to old clients; current ones do not look at it (RFC 9525).
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  SSL_set1_host(ssl, host.c_str());
  SSL_set_tlsext_host_name(ssl, host.c_str());
}

bool is_resumed(SSL* ssl) { return SSL_session_reused(ssl) == 1; }

Error handshake_error(ssl_st* ssl, const std::string& host, const error_code& error) {
  Error out{
      .error_class = ErrorClass::kTransient, .doing = "TLS handshake", .resource = host, .code = {}, .message = {}};
  if (const long verified = SSL_get_verify_result(ssl); verified != X509_V_OK) {
    out.error_class = ErrorClass::kDenied;
    out.code = "Tls";
    out.message = fmt::format("the certificate does not verify: {}: {}", X509_verify_cert_error_string(verified),
                              remedy(verified));
  } else if (error == ssl::error::stream_truncated || error == boost::asio::error::eof ||
             error == boost::asio::error::connection_reset || error == boost::asio::error::broken_pipe) {
    out.code = "Closed";
    out.message = "the server closed the connection during the handshake";
  } else {
    out.code = "Protocol";
    out.message = error.message() + ": does the server speak TLS 1.2 or later on this port?";
  }
  return out;
}

}  // namespace dynamirror::http::impl
