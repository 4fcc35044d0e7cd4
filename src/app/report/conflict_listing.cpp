// SPDX-License-Identifier: Apache-2.0
#include "app/report/conflict_listing.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/printable.hpp"
#include "base/text.hpp"
#include "model/item_difference.hpp"
#include "multimaster/item_state.hpp"

namespace dynamirror::app {
namespace {

using Version = multimaster::Version;

/// Nothing of an item that was there before tables were kept in step.
std::optional<std::string> time_of(const Version& version) {
  if (version.is_adopted()) return std::nullopt;
  return format_time(
      WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::microseconds(version.time()))));
}

std::string origin_and_time(const Version& version) {
  const auto time = time_of(version);
  return time ? version.origin() + " " + *time : "adopted";
}

std::string json_of(const Version& version) {
  const auto time = time_of(version);
  return fmt::format(R"({{"version":{},"origin":{},"time":{}}})", json_quoted(version.text()),
                     json_quoted(version.origin()), time ? json_quoted(*time) : "null");
}

/// The members that a conflict has in every list.
std::string members_of(const sink::ConflictRow& row) {
  return fmt::format(R"("noted":{},"key":{},"kind":{},"rule":{},"winner":{},"loser":{})", json_quoted(row.noted),
                     json_on_one_line(row.key), json_quoted(row.kind), json_quoted(row.rule), json_of(row.winner),
                     json_of(row.loser));
}

std::string or_null(const std::optional<std::string>& item) { return item ? json_on_one_line(*item) : "null"; }

std::string image_text(const std::optional<std::string>& image, bool deletes) {
  if (image) return json_on_one_line(*image);
  return deletes ? "deleted" : "(not at hand when the conflict was noted)";
}

/// Nothing unless both images are there.
std::optional<std::vector<std::string>> differing(const sink::ConflictRow& row) {
  if (!row.winner_image || !row.loser_image) return std::nullopt;
  model::ItemDigester digester;
  auto names = model::item_difference(digester, *row.winner_image, *row.loser_image);
  if (!names) return std::nullopt;
  return std::move(*names);
}

const char* action_of(const jobs::PutBack& put_back) {
  if (!put_back.needed) return "none";
  return put_back.write.content ? "put" : "delete";
}

std::optional<std::string> content_of(const std::optional<std::string>& item) {
  return item ? std::optional(multimaster::without_marks(*item)) : std::nullopt;
}

}  // namespace

std::string to_text(const std::vector<jobs::ConflictLine>& lines) {
  struct Cells {
    std::string noted, kind, winner, loser, key;
  };
  std::vector<Cells> all{{"NOTED", "KIND", "WINNER", "LOSER", "KEY"}};
  for (const jobs::ConflictLine& line : lines) {
    all.push_back({.noted = printable(line.row.noted),
                   .kind = printable(line.row.kind),
                   .winner = origin_and_time(line.row.winner),
                   .loser = origin_and_time(line.row.loser) + (line.loser_kept ? "" : " (not kept)"),
                   .key = json_on_one_line(line.row.key)});
  }
  std::size_t winner = 0;
  std::size_t loser = 0;
  for (const Cells& cells : all) {
    winner = std::max(winner, cells.winner.size());
    loser = std::max(loser, cells.loser.size());
  }
  std::string text;
  for (const Cells& cells : all) {
    text += fmt::format("{:<20}  {:<13}  {:<{}}  {:<{}}  {}\n", cells.noted, cells.kind, cells.winner, winner,
                        cells.loser, loser, cells.key);
  }
  return lines.empty() ? "no conflicts\n" : text;
}

std::string to_json(const std::vector<jobs::ConflictLine>& lines) {
  std::string text;
  for (const jobs::ConflictLine& line : lines) {
    text += fmt::format(R"({{{},"loser_kept":{}}})"
                        "\n",
                        members_of(line.row), line.loser_kept);
  }
  return text;
}

std::string to_text(const sink::ConflictRow& row) {
  const auto names = differing(row);
  return fmt::format("{}  {}, by {}\n  winner  {} ({})\n          {}\n  loser   {} ({})\n          {}\n{}",
                     printable(row.noted), printable(row.kind), printable(row.rule), row.winner.text(),
                     origin_and_time(row.winner), image_text(row.winner_image, row.winner_deletes()), row.loser.text(),
                     origin_and_time(row.loser), image_text(row.loser_image, row.loser_deletes()),
                     names ? "  differ  " + printable(fmt::format("{}", fmt::join(*names, ", "))) + "\n" : "");
}

std::string to_json(const sink::ConflictRow& row) {
  const auto names = differing(row);
  std::string list = "null";
  if (names) {
    std::vector<std::string> quoted;
    for (const std::string& name : *names) quoted.push_back(json_quoted(name));
    list = fmt::format("[{}]", fmt::join(quoted, ","));
  }
  return fmt::format(R"({{{},"winner_image":{},"loser_image":{},"differing":{}}})"
                     "\n",
                     members_of(row), or_null(row.winner_image), or_null(row.loser_image), list);
}

std::string to_text(const jobs::PutBack& put_back, bool dry_run) {
  const auto& write = put_back.write;
  if (!put_back.needed) return fmt::format("nothing to do: {} has that content\n", json_on_one_line(write.key_json));
  const char* done = write.content ? "put" : "deleted";
  const char* would = write.content ? "would put" : "would delete";
  const auto before = content_of(write.as_read);
  return fmt::format("{} {}\n  before  {}\n  after   {}\n", dry_run ? would : done, json_on_one_line(write.key_json),
                     before ? json_on_one_line(*before) : "no item",
                     write.content ? json_on_one_line(*write.content) : "no item");
}

std::string to_json(const jobs::PutBack& put_back, bool dry_run) {
  const auto& write = put_back.write;
  return fmt::format(R"({{"key":{},"version":{},"action":"{}","dry_run":{},"before":{},"after":{}}})"
                     "\n",
                     json_on_one_line(write.key_json), json_quoted(put_back.version.text()), action_of(put_back),
                     dry_run, or_null(content_of(write.as_read)), or_null(write.content));
}

}  // namespace dynamirror::app
