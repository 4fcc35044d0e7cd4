// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace dynamirror::http {

/// A certificate and its key, both in PEM.
struct TestCertificate {
  std::string certificate;
  std::string key;
};

/// A certification authority that lives for one test.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name) : key_(EVP_EC_gen("P-256")) {
    certificate_ = sign({.name = name, .alternative_name = "", .is_authority = true}, key_);
  }

  struct Order {
    std::string name;
    std::string alternative_name;  ///< e.g. "DNS:localhost" or "IP:127.0.0.1"
    bool is_authority = false;
    long valid_from_s = -3'600;  ///< from now
    long valid_until_s = 3'600;
  };

  /// A certificate signed by this authority.
  [[nodiscard]] TestCertificate issue(const Order& order) const {
    const Key key(EVP_EC_gen("P-256"));
    return {.certificate = pem(sign(order, key)), .key = pem(key)};
  }

  /// What clients are to trust.
  [[nodiscard]] std::string certificate() const { return pem(certificate_); }
  /// The authority's own certificate as a server's: self-signed.
  [[nodiscard]] TestCertificate own() const { return {.certificate = pem(certificate_), .key = pem(key_)}; }

 private:
  template <auto free>
  struct Free {
    template <class T>
    void operator()(T* object) const {
      free(object);
    }
  };
  using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
  using Certificate = std::unique_ptr<X509, Free<X509_free>>;

  [[nodiscard]] Certificate sign(const Order& order, const Key& key) const {
    static long serial = 1;
    Certificate out(X509_new());
    X509_set_version(out.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(out.get()), serial++);
    X509_gmtime_adj(X509_getm_notBefore(out.get()), order.valid_from_s);
    X509_gmtime_adj(X509_getm_notAfter(out.get()), order.valid_until_s);
    X509_set_pubkey(out.get(), key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(order.name.c_str()), -1, -1, 0);
    X509_set_issuer_name(out.get(), X509_get_subject_name(certificate_ ? certificate_.get() : out.get()));
    if (order.is_authority) extend(*out, NID_basic_constraints, "critical,CA:TRUE");
    if (!order.alternative_name.empty()) extend(*out, NID_subject_alt_name, order.alternative_name);
    if (X509_sign(out.get(), key_.get(), EVP_sha256()) == 0) throw std::runtime_error("cannot sign");
    return out;
  }

  static void extend(X509& certificate, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, &certificate, &certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    if (extension == nullptr) throw std::runtime_error("bad extension " + value);
    X509_add_ext(&certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  template <class Write>
  static std::string to_pem(Write write) {
    const std::unique_ptr<BIO, Free<BIO_free_all>> out(BIO_new(BIO_s_mem()));
    write(out.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }
  static std::string pem(const Certificate& certificate) {
    return to_pem([&](BIO* out) { PEM_write_bio_X509(out, certificate.get()); });
  }
  static std::string pem(const Key& key) {
    return to_pem([&](BIO* out) { PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }

  Key key_;
  Certificate certificate_;
};

}  // namespace dynamirror::http
