// SPDX-License-Identifier: Apache-2.0
#include "sink/conflict_row.hpp"

#include <utility>

#include "json/reader.hpp"
#include "sink/companion_table.hpp"

namespace dynamirror::sink {

Result<RowTexts> row_texts(std::string_view row_json) {
  RowTexts texts;
  json::Reader reader;
  const Status read = reader.read_copy(row_json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& value) -> Status {
      std::string attribute(name);
      return value.for_each_member([&](std::string_view type, json::Value& content) -> Status {
        if (type != "S") return {};
        const auto text = content.string();
        if (!text) return std::unexpected(text.error());
        texts.insert_or_assign(std::move(attribute), std::string(*text));
        return {};
      });
    });
  });
  if (!read) return std::unexpected(read.error());
  return texts;
}

Result<std::optional<ConflictRow>> read_conflict(std::string_view row_json) {
  auto texts = row_texts(row_json);
  if (!texts) return std::unexpected(std::move(texts.error()));
  if (!(*texts)["what"].starts_with(std::string(CompanionTable::kConflict) + "#")) return std::nullopt;
  auto winner = multimaster::Version::parse((*texts)["winner"]);
  auto loser = multimaster::Version::parse((*texts)["loser"]);
  if (!winner || !loser) return std::nullopt;
  ConflictRow row{.key = (*texts)["key"],
                  .winner = std::move(*winner),
                  .loser = std::move(*loser),
                  .kind = (*texts)["kind"],
                  .rule = (*texts)["rule"],
                  .noted = (*texts)["at"]};
  if (const auto image = texts->find("winner_image"); image != texts->end()) row.winner_image = image->second;
  if (const auto image = texts->find("loser_image"); image != texts->end()) row.loser_image = image->second;
  return row;
}

}  // namespace dynamirror::sink
