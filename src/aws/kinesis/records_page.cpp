// SPDX-License-Identifier: Apache-2.0
#include "aws/kinesis/records_page.hpp"

#include <chrono>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "aws/impl/stream_answers.hpp"
#include "aws/kinesis/aggregated_record.hpp"
#include "model/base64.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::string_view kDoing = "read stream records";

std::unexpected<Error> refuse(std::string message) {
  return failure(ErrorClass::kFatal, std::string(kDoing), {}, std::move(message));
}

/// Seconds since the epoch, with a fraction; the epoch for what no clock can hold: it only tells the lag.
WallTime to_arrival(double seconds) {
  if (!(seconds >= 0 && seconds <= 9e9)) return {};
  return WallTime(std::chrono::milliseconds(std::llround(seconds * 1e3)));
}

/// One record as the service gives it.
struct Envelope {
  std::optional<model::SequenceNumber> sequence;
  std::optional<std::string> data;
  WallTime arrived{};
};

Status read_member(Envelope& envelope, std::string_view name, json::Value& member) {
  if (name == "ApproximateArrivalTimestamp") {
    const auto seconds = member.number();
    if (!seconds) return std::unexpected(seconds.error());
    envelope.arrived = to_arrival(*seconds);
    return {};
  }
  if (name != "SequenceNumber" && name != "Data") return {};
  const auto text = member.string();
  if (!text) return std::unexpected(text.error());
  if (name == "Data") {
    if (envelope.data) return refuse("the member Data is given twice");
    envelope.data = model::decode_base64(*text);
    return envelope.data ? Status{} : refuse("its Data is not base64");
  }
  if (envelope.sequence) return refuse("the member SequenceNumber is given twice");
  auto sequence = model::SequenceNumber::parse(*text);
  if (!sequence) return std::unexpected(std::move(sequence.error()));
  envelope.sequence = *sequence;
  return {};
}

class PageReader {
 public:
  PageReader(RecordsPage& page, KinesisRecordReader& records) : page_(page), records_(records) {}

  Status operator()(json::Value& value) {
    Envelope envelope;
    auto status = value.for_each_member(
        [&](std::string_view name, json::Value& member) { return read_member(envelope, name, member); });
    if (status && !envelope.sequence) status = refuse("it has no SequenceNumber");
    if (status && !envelope.data) status = refuse("it has no Data");
    if (!status) {
      status.error().message.insert(0, "record " + std::to_string(count_) + ": ");
      return status;
    }
    ++count_;
    page_.bytes += envelope.data->size();
    KinesisRecordReader::Place place{.sequence = *envelope.sequence, .arrived = envelope.arrived};
    const auto within = records_within(*envelope.data);
    if (!within) {
      take(*envelope.data, place);
      return {};
    }
    for (std::size_t i = 0; i < within->size(); ++i) {
      place.sequence.set_sub(static_cast<std::uint32_t>(i));
      take((*within)[i], place);
    }
    return {};
  }

 private:
  void take(std::string_view data, const KinesisRecordReader::Place& place) {
    auto change = records_.read(data, place);
    if (change) {
      page_.changes.push_back(std::move(*change));
      return;
    }
    page_.unreadable.push_back({.sequence = place.sequence,
                                .arrived = place.arrived,
                                .reason = std::move(change.error()),
                                .data = std::string(data)});
  }

  RecordsPage& page_;
  KinesisRecordReader& records_;
  std::size_t count_ = 0;
};

}  // namespace

Result<RecordsPage> parse_kinesis_page(std::string& body, KinesisRecordReader& records, json::Reader& reader) {
  RecordsPage page;
  PageReader read_record(page, records);
  auto status = impl::read_records(body, reader, page, read_record);
  if (!status) return std::unexpected(std::move(status.error()));
  return page;
}

}  // namespace dynamirror::aws
