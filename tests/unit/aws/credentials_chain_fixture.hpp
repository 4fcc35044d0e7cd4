// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "aws/credentials/make_credentials.hpp"
#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::aws {

inline constexpr const char* kSts = "https://sts.eu-west-1.amazonaws.com/";
inline constexpr const char* kImds = "http://169.254.169.254";
inline constexpr const char* kRolePath = "/latest/meta-data/iam/security-credentials/";
inline constexpr const char* kConfig = "/home/u/.aws/config";
inline constexpr const char* kCredentials = "/home/u/.aws/credentials";

inline std::string sts_answer(const std::string& operation, const std::string& id,
                              const std::string& expiration = "2026-01-01T01:00:00Z") {
  return "<" + operation + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" + operation +
         "Result><Credentials><AccessKeyId>" + id + "</AccessKeyId><SecretAccessKey>STS-SECRET</SecretAccessKey>" +
         "<SessionToken>STS-TOKEN</SessionToken><Expiration>" + expiration + "</Expiration></Credentials></" +
         operation + "Result></" + operation + "Response>";
}

inline std::string json_answer(const std::string& id, const std::string& token_name = "Token") {
  return R"({"Code":"Success","AccessKeyId":")" + id + R"(","SecretAccessKey":"JSON-SECRET",")" + token_name +
         R"(":"JSON-TOKEN","Expiration":"2026-01-01T06:00:00Z"})";
}

class CredentialsChainTest : public ::testing::Test {
 protected:
  CredentialsChainTest() { environment_.variables["HOME"] = "/home/u"; }

  /// "ID secret token by description", or the error's line.
  std::string found(const SideOptions& options = {}) {
    auto provider = make_credentials(options, environment_, transport_, clock_, random_);
    if (!provider) return to_line(provider.error());
    const auto credentials = support::run_task((*provider)->get());
    if (!credentials) return to_line(credentials.error());
    return credentials->access_key_id + " " + credentials->secret_access_key.reveal() + " " +
           credentials->session_token.reveal() + " by " + (*provider)->describe();
  }

  void expect_instance(const std::string& id) {
    transport_.expect("PUT", std::string(kImds) + "/latest/api/token")
        .with_header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
        .answer(200, "IMDS-TOKEN");
    transport_.expect("GET", std::string(kImds) + kRolePath)
        .with_header("x-aws-ec2-metadata-token", "IMDS-TOKEN")
        .answer(200, "my-role");
    transport_.expect("GET", std::string(kImds) + kRolePath + "my-role")
        .with_header("x-aws-ec2-metadata-token", "IMDS-TOKEN")
        .answer(200, json_answer(id));
  }

  support::MapEnvironment environment_;
  support::ScriptedTransport transport_;
  ManualClock clock_;
  Random random_{1};
};

}  // namespace dynamirror::aws
