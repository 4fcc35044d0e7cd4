// SPDX-License-Identifier: Apache-2.0
#include "source/table_stream.hpp"

namespace dynamirror::source {

Result<StreamArn> find_stream(const aws::TableDescription& description, const std::string& table) {
  const aws::StreamSummary& stream = description.stream;
  if (!stream.enabled || !stream.latest_arn) {
    return failure(
        ErrorClass::kNotFound, "find stream of table", table,
        "the table has no stream; start with --enable-stream to turn one on (changes made before that are not "
        "in it)");
  }
  if (stream.view_type != "NEW_AND_OLD_IMAGES" && stream.view_type != "NEW_IMAGE") {
    return failure(ErrorClass::kInvalid, "find stream of table", table,
                   "its stream has view type " + stream.view_type +
                       ", which does not carry new images; turn the stream off and start with --enable-stream, which "
                       "turns it on with NEW_AND_OLD_IMAGES");
  }
  return *stream.latest_arn;
}

}  // namespace dynamirror::source
