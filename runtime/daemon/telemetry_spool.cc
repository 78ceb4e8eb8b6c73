#include "runtime/daemon/telemetry_spool.h"

#include <filesystem>
#include <utility>

#include "runtime/daemon/log.h"

namespace linnet::daemon {
namespace {

constexpr const char* kSchema = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = OFF;
  CREATE TABLE IF NOT EXISTS figures (sequence INTEGER PRIMARY KEY AUTOINCREMENT, frame BLOB NOT NULL);
  CREATE TRIGGER IF NOT EXISTS keep_figures AFTER INSERT ON figures BEGIN
    DELETE FROM figures WHERE sequence <= NEW.sequence - (SELECT most FROM spool_limit);
  END;
)";

}  // namespace

TelemetrySpool::TelemetrySpool(Database database, Statement insert, Statement select, Statement remove)
    : database_(std::move(database)),
      insert_(std::move(insert)),
      select_(std::move(select)),
      remove_(std::move(remove)) {}

Result<TelemetrySpool> TelemetrySpool::open(const std::string& path, std::int64_t most) {
  auto opened = open_once(path, most);
  if (opened || opened.error().kind != ErrorKind::kMalformed) return opened;
  log(LogLevel::kWarning, path + " is damaged and begun anew");
  std::error_code ignored;
  for (const char* rest : {"", "-wal", "-shm"}) std::filesystem::remove(path + rest, ignored);
  return open_once(path, most);
}

Result<TelemetrySpool> TelemetrySpool::open_once(const std::string& path, std::int64_t most) {
  LINNET_TRY(Database database, Database::open(path));
  LINNET_CHECK(database.execute("CREATE TABLE IF NOT EXISTS spool_limit (most INTEGER NOT NULL)"));
  LINNET_CHECK(database.execute(kSchema));
  LINNET_CHECK(database.execute("DELETE FROM spool_limit"));
  LINNET_TRY(Statement limit, database.prepare("INSERT INTO spool_limit VALUES (?1)"));
  LINNET_CHECK(limit.bind(1, most).run());
  LINNET_TRY(Statement insert, database.prepare("INSERT INTO figures (frame) VALUES (?1)"));
  LINNET_TRY(Statement select, database.prepare("SELECT sequence, frame FROM figures ORDER BY sequence LIMIT ?1"));
  LINNET_TRY(Statement remove, database.prepare("DELETE FROM figures WHERE sequence <= ?1"));
  return TelemetrySpool(std::move(database), std::move(insert), std::move(select), std::move(remove));
}

Result<void> TelemetrySpool::add(std::string_view text) {
  LINNET_TRY(const auto frame, codec_.compress(text));
  return insert_.bind(1, frame).run();
}

Result<std::vector<TelemetrySpool::Entry>> TelemetrySpool::oldest(std::size_t limit) {
  std::vector<Entry> entries;
  select_.bind(1, static_cast<std::int64_t>(limit));
  while (true) {
    const auto more = select_.step();
    if (!more || !*more) break;
    auto text = codec_.expand(select_.blob(1));
    // A damaged frame is worth nothing and must not hold up the others.
    entries.push_back({select_.integer(0), text ? *std::move(text) : std::string()});
  }
  select_.reset();
  return entries;
}

Result<void> TelemetrySpool::remove_up_to(std::int64_t sequence) { return remove_.bind(1, sequence).run(); }

}  // namespace linnet::daemon
