// SQLite with its errors as Results: a connection, prepared statements, transactions.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace linnet::daemon {

// A prepared statement. Bind by position from 1, step, read columns from 0; reset before the next use.
class Statement {
 public:
  Statement& bind(int position, std::int64_t value);
  Statement& bind(int position, std::string_view text);            // Copied.
  Statement& bind(int position, std::span<const std::byte> blob);  // Copied.
  Statement& bind_null(int position);

  // Advances to the next row: true while there is one. Errors: see Database.
  [[nodiscard]] Result<bool> step();
  // Runs a statement that gives no rows, and resets it.
  [[nodiscard]] Result<void> run();
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string_view text(int column) const;            // Valid until the next step or reset.
  [[nodiscard]] std::span<const std::byte> blob(int column) const;  // Likewise.
  [[nodiscard]] bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// One connection, for one thread at a time. Errors of all calls: kExhausted (disk full), kMalformed (the file is not a
// database, or damaged), kBusy (another process holds it), kDenied (read-only), kIo.
class Database {
 public:
  [[nodiscard]] static Result<Database> open(const std::string& path);

  [[nodiscard]] Result<void> execute(const char* sql);
  [[nodiscard]] Result<Statement> prepare(const char* sql);
  // Rows that the last insert, update or delete touched.
  [[nodiscard]] int changes() const;

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  explicit Database(sqlite3* connection) : connection_(connection) {}

  std::unique_ptr<sqlite3, Close> connection_;
};

// A write transaction: committed once, or rolled back when it goes out of scope.
class Transaction {
 public:
  [[nodiscard]] static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // On success everything since begin() is on the disk.
  [[nodiscard]] Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace linnet::daemon
