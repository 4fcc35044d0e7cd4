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
