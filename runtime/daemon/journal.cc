#include "runtime/daemon/journal.h"

#include <utility>

#include "runtime/base/clock.h"

namespace linnet::daemon {
namespace {

// FULL: a commit returns when the write-ahead log is on the disk. One sync a commit in WAL mode.
constexpr const char* kSchema = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA trusted_schema = OFF;
  CREATE TABLE IF NOT EXISTS requests (
    sequence INTEGER PRIMARY KEY, who TEXT NOT NULL, id TEXT NOT NULL, operation TEXT NOT NULL, body BLOB NOT NULL,
    reply_topic TEXT NOT NULL, correlation BLOB NOT NULL, priority INTEGER NOT NULL, durable INTEGER NOT NULL,
    boot_id TEXT NOT NULL, deadline_boot INTEGER, deadline_wall INTEGER, pool_model TEXT NOT NULL DEFAULT '',
    UNIQUE (who, id));
  CREATE TABLE IF NOT EXISTS outcomes (
    who TEXT NOT NULL, id TEXT NOT NULL, kind INTEGER NOT NULL, payload BLOB NOT NULL, finished INTEGER NOT NULL,
    PRIMARY KEY (who, id)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS outcomes_by_time ON outcomes (finished);
  CREATE TABLE IF NOT EXISTS intents (
    who TEXT NOT NULL, id TEXT NOT NULL, action TEXT NOT NULL, PRIMARY KEY (who, id, action)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, correlation BLOB NOT NULL,
    who TEXT, id TEXT, payload BLOB);
)";

// What a journal of version 1 lacks.
constexpr const char* kFromVersion1 = "ALTER TABLE requests ADD COLUMN pool_model TEXT NOT NULL DEFAULT ''";
constexpr const char* kVersion = "PRAGMA user_version = 2";

// Positions in statements_, in the order of kSql.
enum Sql : std::size_t {
  kFindOutcome,
  kFindRequest,
  kCountRequests,
  kInsertRequest,
  kInsertOutcome,
  kReplaceOutcome,
  kDeleteRequest,
  kDeleteIntents,
  kInsertOutboxOutcome,
  kUnfinished,
  kInsertIntent,
  kFindIntent,
  kCountEvents,
  kInsertEvent,
  kOutbox,
  kDelivered,
  kForget,
  kLatestOutcome,
  kSqlCount
};

constexpr const char* kSql[kSqlCount] = {
    "SELECT kind, payload FROM outcomes WHERE who = ?1 AND id = ?2",
    "SELECT reply_topic, correlation FROM requests WHERE who = ?1 AND id = ?2",
    "SELECT count(*) FROM requests",
    "INSERT INTO requests (who, id, operation, body, reply_topic, correlation, priority, durable, boot_id, "
    "deadline_boot, "
    "deadline_wall, pool_model) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    "INSERT INTO outcomes (who, id, kind, payload, finished) VALUES (?1, ?2, ?3, ?4, ?5)",
    "INSERT INTO outcomes (who, id, kind, payload, finished) VALUES (?1, ?2, ?3, ?4, ?5) "
    "ON CONFLICT (who, id) DO UPDATE SET kind = excluded.kind, payload = excluded.payload",
    "DELETE FROM requests WHERE who = ?1 AND id = ?2",
    "DELETE FROM intents WHERE who = ?1 AND id = ?2",
    "INSERT INTO outbox (topic, correlation, who, id) VALUES (?1, ?2, ?3, ?4)",
    "SELECT who, id, operation, body, reply_topic, correlation, priority, durable, boot_id, deadline_boot, "
    "deadline_wall, pool_model "
    "FROM requests ORDER BY sequence",
    "INSERT INTO intents (who, id, action) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    "SELECT 1 FROM intents WHERE who = ?1 AND id = ?2 LIMIT 1",
    "SELECT count(*) FROM outbox WHERE who IS NULL",
    "INSERT INTO outbox (topic, correlation, payload) VALUES (?1, x'', ?2)",
    "SELECT o.sequence, o.topic, o.correlation, coalesce(o.payload, c.payload), o.who, o.id FROM outbox o "
    "LEFT JOIN outcomes c ON c.who = o.who AND c.id = o.id WHERE o.sequence > ?1 ORDER BY o.sequence LIMIT ?2",
    "DELETE FROM outbox WHERE sequence = ?1",
    "DELETE FROM outcomes WHERE finished < ?1 AND NOT EXISTS "
    "(SELECT 1 FROM outbox o WHERE o.who = outcomes.who AND o.id = outcomes.id)",
    "SELECT coalesce(max(finished), 0) FROM outcomes",
};

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Deadline read_deadline(const Statement& row, int column) {
  Deadline deadline{std::chrono::nanoseconds(row.integer(column)), std::nullopt};
  if (!row.is_null(column + 1)) deadline.wall_time = std::chrono::seconds(row.integer(column + 1));
  return deadline;
}

JournalEntry read_entry(const Statement& row) {
  JournalEntry entry;
  entry.key = {std::string(row.text(0)), std::string(row.text(1))};
  entry.operation = row.text(2);
  entry.body = text_of(row.blob(3));
  entry.reply_topic = row.text(4);
  entry.correlation = text_of(row.blob(5));
  entry.priority = static_cast<int>(row.integer(6));
  entry.durable = row.integer(7) != 0;
  entry.boot_id = row.text(8);
  if (!row.is_null(9)) entry.deadline = read_deadline(row, 9);
  entry.pool_model = row.text(11);
  return entry;
}

// One frame that cannot be read must not hold up those behind it, so that is no error of the query.
OutboxRow read_outbox_row(const Statement& row, FrameCodec& codec) {
  OutboxRow read;
  read.sequence = row.integer(0);
  read.topic = row.text(1);
  read.correlation = text_of(row.blob(2));
  if (!row.is_null(4)) read.request = RequestKey{std::string(row.text(4)), std::string(row.text(5))};
  auto payload = codec.expand(row.blob(3));
  read.readable = payload.has_value() && !row.is_null(3);
  if (read.readable) read.payload = *std::move(payload);
  return read;
}

// Resets a query when its scope ends, so that an early return leaves no open read.
struct ResetAtEnd {
  Statement& statement;
  ~ResetAtEnd() { statement.reset(); }
};

// Damage anywhere, not only where the first query looks: a journal that is half readable would lose requests silently.
// It reads the whole file, a day of outcomes.
Result<void> check_sound(Database& database) {
  LINNET_TRY(Statement check, database.prepare("PRAGMA quick_check(1)"));
  LINNET_CHECK(check.step());
  if (check.text(0) != "ok")
    return fail(ErrorKind::kMalformed, "the journal is damaged: " + std::string(check.text(0)));
  return {};
}

Result<std::int64_t> count_of(Statement& query) {
  const ResetAtEnd reset{query};
  LINNET_CHECK(query.step());
  return query.integer(0);
}

}  // namespace

std::string_view to_string(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kDone: return "done";
    case OutcomeKind::kFailed: return "failed";
    case OutcomeKind::kCancelled: return "cancelled";
    case OutcomeKind::kExpired: return "expired";
    case OutcomeKind::kRejected: return "rejected";
  }
  return "failed";
}

Result<Journal> Journal::open(const std::string& path, const JournalLimits& limits) {
  LINNET_TRY(Database database, Database::open(path));
  LINNET_CHECK(check_sound(database));
  Journal journal(std::move(database), limits);
  LINNET_TRY(const auto version, journal.version());
  if (version == 1) LINNET_CHECK(journal.database_.execute(kFromVersion1));
  LINNET_CHECK(journal.database_.execute(kSchema));
  LINNET_CHECK(journal.database_.execute(kVersion));
  LINNET_CHECK(journal.prepare());
  return journal;
}

Result<std::int64_t> Journal::version() {
  LINNET_TRY(Statement query, database_.prepare("PRAGMA user_version"));
  return count_of(query);
}

Result<void> Journal::prepare() {
  statements_.reserve(kSqlCount);
  for (const char* sql : kSql) {
    LINNET_TRY(Statement statement, database_.prepare(sql));
    statements_.push_back(std::move(statement));
  }
  return {};
}

Result<void> Journal::commit(Transaction& transaction) {
  const auto start = Clock::now();
  LINNET_CHECK(transaction.commit());
  flush_cost_.time += Clock::now() - start;
  ++flush_cost_.commits;
  return {};
}

Result<std::optional<Outcome>> Journal::outcome(const RequestKey& key) {
  Statement& query = statements_[kFindOutcome];
  const ResetAtEnd reset{query};
  LINNET_TRY(const bool found, query.bind(1, key.who).bind(2, key.id).step());
  if (!found) return std::nullopt;
  auto payload = codec_.expand(query.blob(1));
  const bool readable = payload.has_value();
  return Outcome{static_cast<OutcomeKind>(query.integer(0)), readable ? *std::move(payload) : "", readable};
}

Result<std::optional<Acceptance>> Journal::find(const RequestKey& key) {
  LINNET_TRY(auto finished, outcome(key));
  if (finished) return Acceptance{Acceptance::Kind::kFinished, std::move(finished)};
  Statement& query = statements_[kFindRequest];
  const ResetAtEnd reset{query};
  LINNET_TRY(const bool pending, query.bind(1, key.who).bind(2, key.id).step());
  if (pending) return Acceptance{Acceptance::Kind::kPending, std::nullopt};
  return std::nullopt;
}

Result<void> Journal::insert(const JournalEntry& entry) {
  Statement& statement = statements_[kInsertRequest];
  statement.bind(1, entry.key.who).bind(2, entry.key.id).bind(3, entry.operation).bind(4, bytes_of(entry.body));
  statement.bind(5, entry.reply_topic).bind(6, bytes_of(entry.correlation)).bind(7, std::int64_t{entry.priority});
  statement.bind(8, std::int64_t{entry.durable}).bind(9, entry.boot_id).bind_null(10).bind_null(11);
  statement.bind(12, entry.pool_model);
  if (entry.deadline) statement.bind(10, entry.deadline->boot_time.count());
  if (entry.deadline && entry.deadline->wall_time) statement.bind(11, entry.deadline->wall_time->count());
  return statement.run();
}

Result<Acceptance> Journal::accept(const JournalEntry& entry) {
  LINNET_TRY(auto earlier, find(entry.key));
  if (earlier) return *std::move(earlier);
  LINNET_TRY(const auto waiting, unfinished_count());
  if (waiting >= limits_.unfinished) return fail(ErrorKind::kBusy, "the queue is full");
  LINNET_TRY(Transaction transaction, Transaction::begin(database_));
  LINNET_CHECK(insert(entry));
  LINNET_CHECK(commit(transaction));
  return Acceptance{};
}

Result<bool> Journal::finish(const RequestKey& key, const Outcome& outcome, std::chrono::seconds now) {
  LINNET_TRY(Transaction transaction, Transaction::begin(database_));
  LINNET_TRY(const auto earlier, find(key));
  if (!earlier) return fail(ErrorKind::kAbsent, "request " + key.who + "/" + key.id + " was never accepted");
  if (earlier->kind == Acceptance::Kind::kFinished) return false;
  std::string topic;
  std::string correlation;
  {
    Statement& query = statements_[kFindRequest];
    const ResetAtEnd reset{query};
    LINNET_CHECK(query.bind(1, key.who).bind(2, key.id).step());
    topic = query.text(0);
    correlation = text_of(query.blob(1));
  }
  LINNET_CHECK(write_outcome(kInsertOutcome, key, outcome, now));
  LINNET_CHECK(statements_[kInsertOutboxOutcome]
                   .bind(1, topic)
                   .bind(2, bytes_of(correlation))
                   .bind(3, key.who)
                   .bind(4, key.id)
                   .run());
  LINNET_CHECK(statements_[kDeleteRequest].bind(1, key.who).bind(2, key.id).run());
  LINNET_CHECK(statements_[kDeleteIntents].bind(1, key.who).bind(2, key.id).run());
  LINNET_CHECK(commit(transaction));
  return true;
}

Result<void> Journal::replace_outcome(const RequestKey& key, const Outcome& outcome, std::chrono::seconds now) {
  LINNET_TRY(Transaction transaction, Transaction::begin(database_));
  LINNET_CHECK(write_outcome(kReplaceOutcome, key, outcome, now));
  return commit(transaction);
}

Result<void> Journal::write_outcome(std::size_t sql, const RequestKey& key, const Outcome& outcome,
                                    std::chrono::seconds now) {
  LINNET_TRY(const auto frame, codec_.compress(outcome.payload));
  Statement& statement = statements_[sql];
  statement.bind(1, key.who).bind(2, key.id).bind(3, static_cast<std::int64_t>(outcome.kind));
  return statement.bind(4, frame).bind(5, now.count()).run();
}

Result<std::vector<JournalEntry>> Journal::unfinished() {
  Statement& query = statements_[kUnfinished];
  const ResetAtEnd reset{query};
  std::vector<JournalEntry> entries;
  while (true) {
    LINNET_TRY(const bool more, query.step());
    if (!more) return entries;
    entries.push_back(read_entry(query));
  }
}

Result<std::size_t> Journal::unfinished_count() {
  LINNET_TRY(const auto count, count_of(statements_[kCountRequests]));
  return static_cast<std::size_t>(count);
}

Result<void> Journal::intend(const RequestKey& key, std::string_view action) {
  LINNET_TRY(Transaction transaction, Transaction::begin(database_));
  LINNET_CHECK(statements_[kInsertIntent].bind(1, key.who).bind(2, key.id).bind(3, action).run());
  if (database_.changes() == 0) {
    return fail(ErrorKind::kBusy,
                "request " + key.who + "/" + key.id + " intended '" + std::string(action) + "' before");
  }
  return commit(transaction);
}

Result<bool> Journal::has_intent(const RequestKey& key) {
  Statement& query = statements_[kFindIntent];
  const ResetAtEnd reset{query};
  return query.bind(1, key.who).bind(2, key.id).step();
}

Result<void> Journal::add_event(std::string_view topic, std::string_view payload) {
  LINNET_TRY(const auto waiting, count_of(statements_[kCountEvents]));
  if (static_cast<std::size_t>(waiting) >= limits_.events) return fail(ErrorKind::kBusy, "the event outbox is full");
  LINNET_TRY(Transaction transaction, Transaction::begin(database_));
  LINNET_CHECK(statements_[kInsertEvent].bind(1, topic).bind(2, bytes_of(payload)).run());
  return commit(transaction);
}

Result<std::vector<OutboxRow>> Journal::outbox(std::int64_t after, std::size_t limit) {
  Statement& query = statements_[kOutbox];
  const ResetAtEnd reset{query};
  query.bind(1, after).bind(2, static_cast<std::int64_t>(limit));
  std::vector<OutboxRow> rows;
  while (true) {
    LINNET_TRY(const bool more, query.step());
    if (!more) return rows;
    rows.push_back(read_outbox_row(query, codec_));
  }
}

Result<void> Journal::delivered(std::int64_t sequence) {
  // NORMAL does not sync a WAL commit: losing this delete only sends the same bytes again.
  LINNET_CHECK(database_.execute("PRAGMA synchronous = NORMAL"));
  auto deleted = statements_[kDelivered].bind(1, sequence).run();
  LINNET_CHECK(database_.execute("PRAGMA synchronous = FULL"));
  return deleted;
}

Result<std::chrono::seconds> Journal::latest_outcome() {
  LINNET_TRY(const std::int64_t latest, count_of(statements_[kLatestOutcome]));
  return std::chrono::seconds(latest);
}

Result<int> Journal::forget_before(std::chrono::seconds now) {
  LINNET_CHECK(statements_[kForget].bind(1, (now - limits_.keep_outcomes).count()).run());
  return database_.changes();
}

}  // namespace linnet::daemon
