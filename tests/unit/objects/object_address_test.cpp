// SPDX-License-Identifier: Apache-2.0
//
// Goal: an address is understood in every form people write it in, and refused with words that help.
#include "objects/object_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::objects {
namespace {

using ::testing::HasSubstr;

std::string shown(std::string_view text) {
  const auto address = parse_object_address(text);
  return address ? display(*address) : to_line(address.error());
}

TEST(ObjectAddress, ReadsBucketsWithAndWithoutPrefix) {
  const auto address = parse_object_address("s3://my-bucket/backups/orders/");
  ASSERT_TRUE(address);
  const auto* s3 = std::get_if<S3Address>(&*address);
  ASSERT_NE(s3, nullptr);
  EXPECT_EQ(s3->bucket, "my-bucket");
  EXPECT_EQ(s3->prefix, "backups/orders/");
  EXPECT_EQ(shown("s3://my.bucket"), "s3://my.bucket");
  EXPECT_EQ(shown("s3://my.bucket/"), "s3://my.bucket");
  EXPECT_EQ(shown("s3://Old_Bucket.1/a b"), "s3://Old_Bucket.1/a b");
}

/// "region bucket prefix"
std::string s3_parts(std::string_view text) {
  const auto address = parse_object_address(text);
  if (!address) return to_line(address.error());
  const auto& s3 = std::get<S3Address>(*address);
  return s3.region + " " + s3.bucket + " " + s3.prefix;
}

TEST(ObjectAddress, ReadsTheUrlsOfBuckets) {
  EXPECT_EQ(s3_parts("https://my-bucket.s3.eu-west-1.amazonaws.com/a/b"), "eu-west-1 my-bucket a/b/");
  EXPECT_EQ(s3_parts("https://my.bucket.s3.amazonaws.com/a"), " my.bucket a/");
  EXPECT_EQ(s3_parts("https://my-bucket.s3-us-west-2.amazonaws.com/a"), "us-west-2 my-bucket a/");
  EXPECT_EQ(s3_parts("https://my-bucket.s3.dualstack.eu-west-1.amazonaws.com/a"), "eu-west-1 my-bucket a/");
  EXPECT_EQ(s3_parts("https://my-bucket.s3-fips.us-east-1.amazonaws.com"), "us-east-1 my-bucket ");
  EXPECT_EQ(s3_parts("https://my-bucket.s3.cn-north-1.amazonaws.com.cn/a"), "cn-north-1 my-bucket a/");
  EXPECT_EQ(s3_parts("https://s3.eu-west-1.amazonaws.com/my-bucket/a/b/"), "eu-west-1 my-bucket a/b/");
  EXPECT_EQ(s3_parts("https://s3.amazonaws.com/my-bucket"), " my-bucket ");
  EXPECT_EQ(s3_parts("https://s3-eu-west-1.amazonaws.com/my-bucket/a"), "eu-west-1 my-bucket a/");
  EXPECT_EQ(s3_parts("http://my-bucket.s3.amazonaws.com/a%20b+c"), " my-bucket a b+c/") << "the key is encoded";
  EXPECT_EQ(shown("https://my-bucket.s3.eu-west-1.amazonaws.com/a"), "s3://my-bucket/a");
}

TEST(ObjectAddress, ReadsTheArnsOfAccessPoints) {
  const char* text = "s3://arn:aws:s3:us-west-2:123456789012:accesspoint/my-point/a/b";
  EXPECT_EQ(s3_parts(text), "us-west-2 my-point-123456789012 a/b/");
  EXPECT_EQ(shown(text), text);
  EXPECT_EQ(shown("s3://arn:aws:s3:us-west-2:123456789012:accesspoint:my-point"),
            "s3://arn:aws:s3:us-west-2:123456789012:accesspoint:my-point");
}

TEST(ObjectAddress, KeepsEmptyPartsOfS3) {
  for (const auto& [text, prefix] : {std::pair{"s3://bucket//", "/"},
                                     {"s3://bucket//t", "/t/"},
                                     {"s3://bucket/p//", "p//"},
                                     {"s3://bucket/p//t/", "p//t/"}}) {
    const auto address = parse_object_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(std::get<S3Address>(*address).prefix, prefix) << text;
    EXPECT_EQ(shown(display(*address)), display(*address)) << "the form that is shown means the same";
  }
  EXPECT_EQ(shown("s3://bucket/p//t/"), "s3://bucket/p//t");
  EXPECT_EQ(shown("s3://bucket/p//"), "s3://bucket/p//");
}

TEST(ObjectAddress, ReadsFolders) {
  EXPECT_EQ(shown("file:/var/backups/"), "file:/var/backups");
  EXPECT_EQ(shown("file:///var/backups"), "file:/var/backups");
  EXPECT_EQ(shown("file:relative/folder"), "file:relative/folder");
  EXPECT_EQ(shown("file:/"), "file:/");
}

TEST(ObjectAddress, SaysWhatIsWrongAndHowItIsWritten) {
  for (const auto& [text, what] : {std::pair{"", "no address given"},
                                   {"backups/orders", "does not say what it is"},
                                   {"gs://bucket/a", "\"gs:\" is not supported"},
                                   {"s3:bucket/a", "\"s3:\" is not supported"},
                                   {"s3:///a", "no bucket named"},
                                   {"s3://", "no bucket named"},
                                   {"s3://ab/a", "\"ab\" is not a bucket name"},
                                   {"s3://bucket:9000/a", "not a bucket name"},
                                   {"s3://-bucket/a", "not a bucket name"},
                                   {"s3://a..b/a", "not a bucket name"},
                                   {"s3://192.168.5.4/a", "not a bucket name"},
                                   {"https://storage.example/bucket/a", "--s3-endpoint"},
                                   {"https://dynamodb.eu-west-1.amazonaws.com/bucket", "not one of S3's"},
                                   {"https://s3.eu-west-1.amazonaws.com/", "no bucket named"},
                                   {"https://b-b.s3.amazonaws.com/a?versionId=1", "query"},
                                   {"https://b-b.s3.amazonaws.com/a%2", "per-cent sign"},
                                   {"s3://arn:aws:s3:us-west-2:123456789012:bucket/x", "not that of an access point"},
                                   {"s3://arn:aws:s3:::my-bucket/x", "not that of an access point"},
                                   {"s3://arn:aws:s3::123456789012:accesspoint/x.mrap/k", "of several regions"},
                                   {"s3://arn:aws-cn:s3:us-west-2:123456789012:accesspoint/x", "not a region of"},
                                   {"file:", "no folder named"},
                                   {"file:~/backups", "file:$HOME/backups"},
                                   {"file://host/a", "another machine"}}) {
    const auto address = parse_object_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().error_class, ErrorClass::kInvalid);
    EXPECT_THAT(address.error().message, HasSubstr(what)) << text;
    EXPECT_THAT(address.error().message, HasSubstr("s3://bucket/prefix")) << text;
  }
  EXPECT_FALSE(parse_object_address("s3://bucket/" + std::string(901, 'a')));
}

}  // namespace
}  // namespace dynamirror::objects
