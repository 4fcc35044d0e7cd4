// SPDX-License-Identifier: Apache-2.0
//
// Goal: credentials come from the place the AWS CLI would take them from; every place works, and every mistake is told
// in one line that never holds a secret.
// Method: an environment and files in memory, scripted stand-ins for STS, the container agent and instance metadata.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.hpp"
#include "unit/aws/credentials_chain_fixture.hpp"

namespace dynamirror::aws {
namespace {

using support::run_task;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(CredentialsChainTest, TakesTheEnvironmentFirst) {
  environment_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  environment_.variables["AWS_SECRET_ACCESS_KEY"] = "s";
  environment_.variables["AWS_SESSION_TOKEN"] = "t";
  environment_.files[kCredentials] = "[default]\naws_access_key_id=FILE\naws_secret_access_key=x\n";
  EXPECT_EQ(found(), "ENV s t by environment");
}

TEST_F(CredentialsChainTest, TellsHalfAKeyInTheEnvironmentInsteadOfLookingElsewhere) {
  environment_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  environment_.files[kCredentials] = "[default]\naws_access_key_id=FILE\naws_secret_access_key=x\n";
  EXPECT_THAT(found(), HasSubstr("AWS_SECRET_ACCESS_KEY is not set"));
}

TEST_F(CredentialsChainTest, ReadsProfilesOfBothFiles) {
  environment_.files[kConfig] =
      "[default]\nregion=eu-west-1\n[profile prod]\naws_access_key_id=CONF\n"
      "aws_secret_access_key=c\naws_session_token=old\n[profile other]\nregion=x\n";
  environment_.files[kCredentials] =
      "[default]\naws_access_key_id=DEF\naws_secret_access_key=d\n"
      "[prod]\naws_access_key_id=CRED\naws_secret_access_key=p\n";
  EXPECT_EQ(found(), "DEF d  by profile default");
  EXPECT_EQ(found({.profile = "prod"}), "CRED p  by profile prod") << "the credentials file wins, with all its keys";
  environment_.variables["AWS_PROFILE"] = "prod";
  EXPECT_EQ(found(), "CRED p  by profile prod");
}

TEST_F(CredentialsChainTest, AsksANamedProfileAloneEvenWhenTheEnvironmentHasKeys) {
  environment_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  environment_.variables["AWS_SECRET_ACCESS_KEY"] = "s";
  environment_.files[kCredentials] = "[prod]\naws_access_key_id=CRED\naws_secret_access_key=p\n";
  EXPECT_EQ(found({.profile = "prod"}), "CRED p  by profile prod");
  EXPECT_THAT(found({.profile = "absent"}), AllOf(HasSubstr("no such profile"), HasSubstr(kConfig)));
}

TEST_F(CredentialsChainTest, ReadsTheFilesThatVariablesName) {
  environment_.variables["AWS_SHARED_CREDENTIALS_FILE"] = "~/mine";
  environment_.variables["AWS_CONFIG_FILE"] = "/etc/aws";
  environment_.files["/home/u/mine"] = "[default]\naws_access_key_id=MINE\naws_secret_access_key=m\n";
  EXPECT_EQ(found(), "MINE m  by profile default");
  environment_.files["/etc/aws"] = "[default]\nSECRETKEY\n";
  EXPECT_EQ(found(), "read configuration file /etc/aws: line 2: expected \"name = value\"");
}

TEST_F(CredentialsChainTest, LeavesAProfileUsableWhenAnotherOfTheFileIsBroken) {
  environment_.files[kConfig] =
      "[profile broken]\nSECRETKEY\n[profile prod]\n  aws_access_key_id: CONF\n"
      "  aws_secret_access_key: c\n[profile lost\n";
  EXPECT_EQ(found({.profile = "prod"}), "CONF c  by profile prod");
  EXPECT_THAT(found({.profile = "broken"}), HasSubstr("/home/u/.aws/config: line 2: expected"));
  EXPECT_THAT(found({.profile = "lost"}),
              HasSubstr("(/home/u/.aws/config, line 6: a section without its closing bracket)"));
}

TEST_F(CredentialsChainTest, TakesTheProfileAndTheTokenByTheirOlderNamesToo) {
  environment_.files[kCredentials] =
      "[old]\naws_access_key_id=OLD\naws_secret_access_key=o\naws_security_token=t\n"
      "[new]\naws_access_key_id=NEW\naws_secret_access_key=n\n";
  environment_.variables["AWS_PROFILE"] = "new";
  EXPECT_EQ(found(), "NEW n  by profile new");
  environment_.variables["AWS_DEFAULT_PROFILE"] = "old";
  EXPECT_EQ(found(), "OLD o t by profile old") << "botocore's order";
  environment_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  environment_.variables["AWS_SECRET_ACCESS_KEY"] = "s";
  environment_.variables["AWS_SECURITY_TOKEN"] = "token";
  EXPECT_EQ(found(), "ENV s token by environment");
}

TEST_F(CredentialsChainTest, SaysHowToUseAProfileThatAPersonSignsInTo) {
  environment_.files[kConfig] = "[profile p]\nlogin_session = arn:aws:iam::123456789012:user/u\n";
  EXPECT_THAT(found({.profile = "p"}), AllOf(HasSubstr("profiles of \"aws login\" are not read directly"),
                                             HasSubstr("export-credentials --profile p")));
}

TEST_F(CredentialsChainTest, ReadsKeysInAProfileAgainOnceTheServiceRefusedThem) {
  environment_.files[kCredentials] = "[default]\naws_access_key_id=OLD\naws_secret_access_key=x\n";
  auto provider = make_credentials({}, environment_, transport_, clock_, random_).value();
  EXPECT_EQ(run_task(provider->get())->access_key_id, "OLD");
  environment_.files[kCredentials] = "[default]\naws_access_key_id=NEW\naws_secret_access_key=x\n";
  provider->invalidate();
  EXPECT_EQ(run_task(provider->get())->access_key_id, "NEW");
}

TEST_F(CredentialsChainTest, AssumesTheRoleOfAProfileWithItsSourceProfilesKeys) {
  environment_.files[kConfig] =
      "[profile app]\nrole_arn=arn:aws:iam::123456789012:role/app\nsource_profile=base\nexternal_id=ext/1 2\n"
      "role_session_name=me\nduration_seconds=900\nregion=eu-west-1\n";
  environment_.files[kCredentials] = "[base]\naws_access_key_id=BASE\naws_secret_access_key=b\n";
  transport_.expect("POST", kSts)
      .with_header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
      .with_header("authorization", HasSubstr("Credential=BASE/20260101/eu-west-1/sts/aws4_request"))
      .with_body(
          "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fapp"
          "&RoleSessionName=me&DurationSeconds=900&ExternalId=ext%2F1%202")
      .answer(200, sts_answer("AssumeRole", "ASSUMED"));
  EXPECT_EQ(found({.profile = "app"}),
            "ASSUMED STS-SECRET STS-TOKEN by role arn:aws:iam::123456789012:role/app assumed with profile base");
}

TEST_F(CredentialsChainTest, FollowsAChainOfRoles) {
  environment_.files[kConfig] =
      "[profile c]\nrole_arn=arn:aws:iam::1:role/c\nsource_profile=b\nregion=eu-west-1\n"
      "[profile b]\nrole_arn=arn:aws:iam::1:role/b\nsource_profile=a\n"
      "[profile a]\naws_access_key_id=KEYS\naws_secret_access_key=k\n";
  transport_.expect("POST", kSts)
      .with_header("authorization", HasSubstr("Credential=KEYS/"))
      .with_body(HasSubstr("role%2Fb"))
      .answer(200, sts_answer("AssumeRole", "MIDDLE"));
  transport_.expect("POST", kSts)
      .with_header("authorization", HasSubstr("Credential=MIDDLE/"))
      .with_header("x-amz-security-token", "STS-TOKEN")
      .with_body(HasSubstr("role%2Fc"))
      .answer(200, sts_answer("AssumeRole", "LAST"));
  EXPECT_THAT(found({.profile = "c"}), HasSubstr("LAST"));
}

TEST_F(CredentialsChainTest, TellsACircleOfSourceProfiles) {
  environment_.files[kConfig] =
      "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=r\nsource_profile=a\n";
  EXPECT_THAT(found({.profile = "a"}), HasSubstr("source_profile leads in a circle: a -> b -> a"));
  environment_.files[kConfig] = "[profile a]\nrole_arn=r\nsource_profile=a\n";
  EXPECT_THAT(found({.profile = "a"}), HasSubstr("circle"));
}

TEST_F(CredentialsChainTest, LetsAProfileAssumeItsRoleWithItsOwnKeys) {
  environment_.files[kConfig] =
      "[profile a]\nrole_arn=arn:aws:iam::1:role/a\nsource_profile=a\nregion=eu-west-1\n"
      "aws_access_key_id=OWN\naws_secret_access_key=o\n";
  transport_.expect("POST", kSts)
      .with_header("authorization", HasSubstr("Credential=OWN/"))
      .answer(200, sts_answer("AssumeRole", "ASSUMED"));
  EXPECT_THAT(found({.profile = "a"}), HasSubstr("ASSUMED"));
}

TEST_F(CredentialsChainTest, AssumesARoleWithEachCredentialSource) {
  const std::string role = "[profile a]\nrole_arn=arn:aws:iam::1:role/a\nregion=eu-west-1\ncredential_source=";
  environment_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  environment_.variables["AWS_SECRET_ACCESS_KEY"] = "e";
  environment_.files[kConfig] = role + "Environment\n";
  transport_.expect("POST", kSts)
      .with_header("authorization", HasSubstr("Credential=ENV/"))
      .answer(200, sts_answer("AssumeRole", "ONE"));
  EXPECT_THAT(found({.profile = "a"}), HasSubstr("ONE"));

  environment_.files[kConfig] = role + "Ec2InstanceMetadata\n";
  expect_instance("EC2");
  transport_.expect("POST", kSts)
      .with_header("authorization", HasSubstr("Credential=EC2/"))
      .answer(200, sts_answer("AssumeRole", "TWO"));
  EXPECT_THAT(found({.profile = "a"}), HasSubstr("TWO"));

  environment_.files[kConfig] = role + "EcsContainer\n";
  environment_.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/x";
  transport_.expect("GET", "http://169.254.170.2/v2/x").answer(200, json_answer("ECS"));
  transport_.expect("POST", kSts)
      .with_header("authorization", HasSubstr("Credential=ECS/"))
      .answer(200, sts_answer("AssumeRole", "THREE"));
  EXPECT_THAT(found({.profile = "a"}), HasSubstr("THREE"));

  environment_.files[kConfig] = role + "Moon\n";
  EXPECT_THAT(found({.profile = "a"}), HasSubstr("credential_source is none of"));
}

TEST_F(CredentialsChainTest, TellsWhatAProfileLacks) {
  const auto profile = [&](const std::string& settings) {
    environment_.files[kConfig] = "[profile a]\n" + settings;
    return found({.profile = "a"});
  };
  EXPECT_THAT(profile("region=x\n"), HasSubstr("no keys, role_arn or credential_process"));
  EXPECT_THAT(profile("role_arn=r\n"), HasSubstr("needs a source_profile or a credential_source"));
  EXPECT_THAT(profile("role_arn=r\nsource_profile=b\ncredential_source=Environment\n"), HasSubstr("only one"));
  EXPECT_THAT(profile("role_arn=r\nsource_profile=gone\n"), HasSubstr("gone: there is no such profile"));
  EXPECT_THAT(profile("role_arn=r\nsource_profile=a\nmfa_serial=m\n"), HasSubstr("MFA"));
  EXPECT_THAT(profile("role_arn=r\ncredential_source=Environment\nduration_seconds=60\n"), HasSubstr("900 to 43200"));
  EXPECT_THAT(profile("aws_access_key_id=A\n"), HasSubstr("aws_secret_access_key is missing"));
  for (const char* sso : {"sso_session=corp\n", "sso_start_url=https://x\n"}) {
    EXPECT_THAT(profile(sso), HasSubstr("aws configure export-credentials --profile a"));
  }
}

TEST_F(CredentialsChainTest, TakesARoleByWebIdentityFromVariables) {
  environment_.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/var/run/token";
  environment_.variables["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/irsa";
  environment_.variables["AWS_REGION"] = "eu-west-1";
  environment_.files["/var/run/token"] = "WEB-TOKEN\n";
  environment_.files[kCredentials] = "[default]\naws_access_key_id=FILE\naws_secret_access_key=x\n";
  transport_.expect("POST", kSts)
      .without_header("authorization")
      .with_body(
          "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Firsa"
          "&RoleSessionName=dynamirror&WebIdentityToken=WEB-TOKEN")
      .answer(200, sts_answer("AssumeRoleWithWebIdentity", "WEB"));
  EXPECT_EQ(found(), "WEB STS-SECRET STS-TOKEN by role arn:aws:iam::1:role/irsa by web identity");
  environment_.variables.erase("AWS_ROLE_ARN");
  EXPECT_THAT(found(), HasSubstr("AWS_ROLE_ARN, the role to take on, is not"));
}

TEST_F(CredentialsChainTest, PrefersAProfileThatChainsRolesToWebIdentityVariables) {
  environment_.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/var/run/token";
  environment_.variables["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/irsa";
  environment_.files[kConfig] =
      "[default]\nrole_arn=arn:aws:iam::1:role/x\nsource_profile=base\nregion=eu-west-1\n"
      "[profile base]\naws_access_key_id=B\naws_secret_access_key=b\n";
  transport_.expect("POST", kSts).with_body(HasSubstr("role%2Fx")).answer(200, sts_answer("AssumeRole", "X"));
  EXPECT_THAT(found(), HasSubstr("X STS-SECRET"));
}

TEST_F(CredentialsChainTest, ReadsTheWebIdentityTokenAnewForEachRenewal) {
  environment_.files[kConfig] =
      "[profile w]\nrole_arn=arn:aws:iam::1:role/w\nweb_identity_token_file=/token\n"
      "region=eu-west-1\n";
  environment_.files["/token"] = "FIRST";
  auto provider = make_credentials({.profile = "w"}, environment_, transport_, clock_, random_).value();
  transport_.expect("POST", kSts)
      .with_body(HasSubstr("WebIdentityToken=FIRST"))
      .answer(200, sts_answer("AssumeRoleWithWebIdentity", "A"));
  EXPECT_EQ(run_task(provider->get())->access_key_id, "A");

  environment_.files["/token"] = "SECOND";
  clock_.advance(std::chrono::minutes(58));
  transport_.expect("POST", kSts)
      .with_body(HasSubstr("WebIdentityToken=SECOND"))
      .answer(200, sts_answer("AssumeRoleWithWebIdentity", "B", "2026-01-01T02:00:00Z"));
  EXPECT_EQ(run_task(provider->get())->access_key_id, "B");
}

TEST_F(CredentialsChainTest, AsksTheContainerAgentWithTheTokenOfTheMoment) {
  environment_.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/v1/credentials";
  environment_.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "/token";
  environment_.files["/token"] = "POD-TOKEN\n";
  transport_.expect("GET", "http://169.254.170.23/v1/credentials")
      .with_header("authorization", "POD-TOKEN")
      .answer(200, json_answer("POD"));
  EXPECT_EQ(found(), "POD JSON-SECRET JSON-TOKEN by container");
  environment_.files["/token"] = "POD-TOKEN-2";
  transport_.expect("GET", "http://169.254.170.23/v1/credentials")
      .with_header("authorization", "POD-TOKEN-2")
      .answer(200, json_answer("POD2"));
  EXPECT_THAT(found(), HasSubstr("POD2"));
}

TEST_F(CredentialsChainTest, SendsTheContainerTokenOnlyWhereItMayGo) {
  environment_.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "POD-TOKEN";
  const auto uri = [&](const std::string& text) {
    environment_.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = text;
    return found();
  };
  for (const char* refused : {"http://example.com/", "http://169.254.170.3/", "http://10.0.0.1/", "ftp://127.0.0.1/"}) {
    EXPECT_THAT(uri(refused), HasSubstr("AWS_CONTAINER_CREDENTIALS_FULL_URI")) << refused;
  }
  for (const char* accepted : {"https://example.com/c", "http://127.0.0.1:81/c", "http://localhost/c", "http://[::1]/c",
                               "http://[fd00:ec2::23]/c", "http://169.254.170.2/c"}) {
    transport_.expect("GET", accepted).with_header("authorization", "POD-TOKEN").answer(200, json_answer("OK"));
    EXPECT_THAT(uri(accepted), HasSubstr("OK JSON-SECRET")) << accepted;
  }
  environment_.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "x\r\nhost: evil";
  EXPECT_THAT(uri("http://localhost/c"), HasSubstr("control character"));
}

TEST_F(CredentialsChainTest, FallsToTheInstanceRoleLastWithShortTimeouts) {
  expect_instance("EC2");
  EXPECT_EQ(found(), "EC2 JSON-SECRET JSON-TOKEN by EC2 instance metadata");
  for (const http::SendOptions& options : transport_.send_options()) {
    EXPECT_EQ(options.connect_timeout, std::chrono::seconds(1));
    EXPECT_EQ(options.request_timeout, std::chrono::seconds(1));
  }
}

TEST_F(CredentialsChainTest, ListsEveryPlaceWhenNoneHasCredentials) {
  transport_.expect("PUT", std::string(kImds) + "/latest/api/token").fail("Connect").times(3);
  const std::string text = found();
  for (const char* place : {"AWS_ACCESS_KEY_ID is not set", "profile \"default\" (not in /home/u/.aws/config and ",
                            "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                            "EC2 instance metadata (", "set AWS_ACCESS_KEY_ID and"}) {
    EXPECT_THAT(text, HasSubstr(place));
  }
  EXPECT_THAT(text, Not(HasSubstr("\n")));
}

TEST_F(CredentialsChainTest, LeavesInstanceMetadataAloneWhenDisabled) {
  environment_.variables["AWS_EC2_METADATA_DISABLED"] = "true";
  EXPECT_THAT(found(), HasSubstr("AWS_EC2_METADATA_DISABLED is true"));
}

TEST_F(CredentialsChainTest, FindsInstanceMetadataWhereVariablesSay) {
  environment_.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"] = "IPv6";
  transport_.expect("PUT", "http://[fd00:ec2::254]/latest/api/token").answer(404, "");
  EXPECT_THAT(found(), HasSubstr("none found"));
  environment_.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:1338/";
  transport_.expect("PUT", "http://127.0.0.1:1338/latest/api/token").answer(200, "T");
  transport_.expect("GET", std::string("http://127.0.0.1:1338") + kRolePath).answer(404, "");
  EXPECT_THAT(found(), HasSubstr("no IAM role is attached"));
}

TEST_F(CredentialsChainTest, NeverFallsBackToVersionOneOfInstanceMetadata) {
  for (const int status : {403, 404, 405}) {
    transport_.expect("PUT", std::string(kImds) + "/latest/api/token").answer(status, "");
    EXPECT_THAT(found(), HasSubstr("none found")) << status;
  }
}

TEST_F(CredentialsChainTest, WritesNoSecretToTheLogAtTheMostVerboseLevel) {
  environment_.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/c";
  environment_.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "POD-TOKEN";
  transport_.expect("GET", "http://169.254.170.2/c").answer(200, json_answer("POD"));
  transport_.expect("POST", kSts).answer(200, sts_answer("AssumeRole", "SIDE"));
  log::configure(log::Level::kDebug, log::Format::kText);
  ::testing::internal::CaptureStderr();
  const std::string result =
      found({.role_arn = "arn:aws:iam::2:role/m", .external_id = "EXTERNAL", .region = "eu-west-1"});
  const std::string written = ::testing::internal::GetCapturedStderr();
  log::configure(log::Level::kWarning, log::Format::kText);
  EXPECT_THAT(result, HasSubstr("SIDE"));
  EXPECT_THAT(written, HasSubstr("credentials fetched"));
  for (const char* secret : {"JSON-SECRET", "JSON-TOKEN", "STS-SECRET", "STS-TOKEN", "POD-TOKEN", "EXTERNAL"}) {
    EXPECT_THAT(written, Not(HasSubstr(secret)));
  }
}

TEST_F(CredentialsChainTest, FindsTheRegionInVariablesAndProfiles) {
  EXPECT_FALSE(configured_region(environment_, ""));
  environment_.files[kConfig] = "[default]\nregion=eu-west-1\n[profile p]\nregion=eu-west-2\n";
  EXPECT_EQ(configured_region(environment_, ""), "eu-west-1");
  EXPECT_EQ(configured_region(environment_, "p"), "eu-west-2");
  environment_.variables["AWS_DEFAULT_REGION"] = "us-east-2";
  EXPECT_EQ(configured_region(environment_, "p"), "us-east-2");
}

}  // namespace
}  // namespace dynamirror::aws
