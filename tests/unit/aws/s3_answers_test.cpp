// SPDX-License-Identifier: Apache-2.0
//
// Goal: what S3 answers is read as it is meant, whatever bytes keys hold; other bodies are refused.
#include "aws/s3/answers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::aws {
namespace {

using ::testing::HasSubstr;

WallTime at(int second) {
  return std::chrono::sys_days{std::chrono::year{2026} / 1 / 31} + std::chrono::seconds(second);
}

TEST(S3Answers, ReadsAPageOfObjects) {
  const auto page = parse_list_objects(
      R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>a%2F</Prefix>
<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>1ue=&amp;x</NextContinuationToken>
<Contents><Key>a/b+c%2Bd%01%C3%BC</Key><LastModified>2026-01-31T00:00:05.250Z</LastModified><ETag>"e"</ETag>
<Size>5497558138880</Size><StorageClass>STANDARD</StorageClass></Contents>
<Contents><Key>+</Key><LastModified>2026-01-31T00:00:06Z</LastModified><Size>0</Size></Contents></ListBucketResult>)");
  ASSERT_TRUE(page) << to_line(page.error());
  ASSERT_EQ(page->objects.size(), 2u);
  EXPECT_EQ(page->objects[0].key, "a/b c+d\x01ü");
  EXPECT_EQ(page->objects[0].size_bytes, 5'497'558'138'880u);
  EXPECT_EQ(page->objects[0].modified, at(5) + std::chrono::milliseconds(250));
  EXPECT_EQ(page->objects[1].key, " ");
  EXPECT_EQ(page->objects[1].modified, at(6));
  EXPECT_EQ(page->continuation_token, "1ue=&x");
}

TEST(S3Answers, TakesKeysAsTheyAreWhenTheServerDoesNotEncodeThem) {
  const auto page = parse_list_objects(
      "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a+b%20c&amp;</Key>"
      "<LastModified>2026-01-31T00:00:00.000Z</LastModified><Size>1</Size></Contents></ListBucketResult>");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->objects.at(0).key, "a+b%20c&");
  EXPECT_EQ(page->continuation_token, "");
}

TEST(S3Answers, ReadsVersionsAndDeleteMarkersInTheOrderOfTheAnswer) {
  const auto page = parse_list_versions(
      R"(<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextKeyMarker>b%2Bc</NextKeyMarker><NextVersionIdMarker>v0</NextVersionIdMarker>
<DeleteMarker><Key>a</Key><VersionId>v3</VersionId><IsLatest>true</IsLatest>
<LastModified>2026-01-31T00:00:03.000Z</LastModified></DeleteMarker>
<Version><Key>a</Key><VersionId>v2</VersionId><IsLatest>false</IsLatest>
<LastModified>2026-01-31T00:00:02.000Z</LastModified><Size>7</Size></Version>
<DeleteMarker><Key>a</Key><VersionId>null</VersionId><IsLatest>false</IsLatest>
<LastModified>2026-01-31T00:00:01.000Z</LastModified></DeleteMarker></ListVersionsResult>)");
  ASSERT_TRUE(page) << to_line(page.error());
  ASSERT_EQ(page->versions.size(), 3u);
  EXPECT_EQ(page->versions[0].version_id, "v3");
  EXPECT_TRUE(page->versions[0].is_delete_marker);
  EXPECT_TRUE(page->versions[0].is_latest);
  EXPECT_EQ(page->versions[1].version_id, "v2");
  EXPECT_FALSE(page->versions[1].is_delete_marker);
  EXPECT_EQ(page->versions[1].size_bytes, 7u);
  EXPECT_EQ(page->versions[1].modified, at(2));
  EXPECT_EQ(page->versions[2].version_id, "null");
  EXPECT_TRUE(page->truncated);
  EXPECT_EQ(page->next.key_marker, "b+c");
  EXPECT_EQ(page->next.version_id_marker, "v0");
}

TEST(S3Answers, RefusesWhatS3DoesNotSend) {
  const std::string entry = "<Contents><Key>a</Key><LastModified>2026-01-31T00:00:00Z</LastModified><Size>1</Size>";
  for (const std::string& body : std::vector<std::string>{
           "", "<html>a proxy</html>", "<ListBucketResult>", "<!DOCTYPE x><ListBucketResult/>",
           "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
           "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
           "<ListBucketResult><Contents><Key>a</Key><LastModified>2026-01-31T00:00:00Z</LastModified>"
           "<Size>-1</Size></Contents></ListBucketResult>",
           "<ListBucketResult>" + entry.substr(0, 10) + "</Contents></ListBucketResult>"}) {
    const auto page = parse_list_objects(body);
    ASSERT_FALSE(page) << body;
    EXPECT_EQ(page.error().error_class, ErrorClass::kTransient);
    EXPECT_FALSE(parse_list_versions(body)) << body;
    EXPECT_FALSE(parse_create_multipart_upload(body)) << body;
  }
  EXPECT_FALSE(parse_list_versions("<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>"));
  EXPECT_FALSE(parse_create_multipart_upload("<InitiateMultipartUploadResult/>"));
}

TEST(S3Answers, WritesPartsInOrderAndEscaped) {
  EXPECT_EQ(complete_multipart_upload_body({{.number = 1, .etag = "\"a<b\""}, {.number = 2, .etag = "c"}}),
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<Part><PartNumber>1</PartNumber><ETag>&quot;a&lt;b&quot;</ETag></Part>"
            "<Part><PartNumber>2</PartNumber><ETag>c</ETag></Part></CompleteMultipartUpload>");
}

}  // namespace
}  // namespace dynamirror::aws
