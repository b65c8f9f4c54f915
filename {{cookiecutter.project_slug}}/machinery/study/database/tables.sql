-- The study's own tables and indexes, in SQL that PostgreSQL and SQLite share. Times are UTC.

CREATE TABLE IF NOT EXISTS study_keys (
  name VARCHAR(32) PRIMARY KEY,
  value VARCHAR(128) NOT NULL
);
CREATE TABLE IF NOT EXISTS study_incidents (
  kind VARCHAR(32) NOT NULL,
  day DATE NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (kind, day)
);
CREATE TABLE IF NOT EXISTS study_bonuses (
  uniqueid VARCHAR(128) PRIMARY KEY,
  amount FLOAT NOT NULL,
  currency VARCHAR(8) NOT NULL,
  exported TIMESTAMP NOT NULL
);
-- What browsers have sent since the record in psiTurk's column was last complete: a row for each
-- save, with its first and last entry. entries is compressed. size is the number of bytes up to
-- there as they came.
CREATE TABLE IF NOT EXISTS study_entries (
  uniqueid VARCHAR(128) NOT NULL,
  writer INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  size INTEGER NOT NULL,
  received TIMESTAMP NOT NULL,
  entries {bytes} NOT NULL,
  PRIMARY KEY (uniqueid, writer, first)
);
-- What a window, with the number writer, sent after a newer one had taken over, or after the end.
CREATE TABLE IF NOT EXISTS study_superseded_records (
  uniqueid VARCHAR(128) NOT NULL,
  writer INTEGER NOT NULL,
  received TIMESTAMP NOT NULL,
  reason VARCHAR(32) NOT NULL,
  datastring TEXT NOT NULL,
  PRIMARY KEY (uniqueid, writer)
);
-- Errors in participants' browsers: a row for each kind, with the number of participants who met it.
CREATE TABLE IF NOT EXISTS study_browser_errors (
  message VARCHAR(200) NOT NULL,
  file VARCHAR(200) NOT NULL,
  line INTEGER NOT NULL,
  page VARCHAR(100) NOT NULL,
  browser VARCHAR(50) NOT NULL,
  participants INTEGER NOT NULL,
  first TIMESTAMP NOT NULL,
  last TIMESTAMP NOT NULL,
  PRIMARY KEY (message, file, line, page, browser)
);
-- When a server was started, or a version released. Names no machine but Heroku's "web.1".
CREATE TABLE IF NOT EXISTS study_starts (
  server VARCHAR(64) NOT NULL,
  started TIMESTAMP NOT NULL,
  PRIMARY KEY (server, started)
);
-- Who of all processes does until when what only one may do.
CREATE TABLE IF NOT EXISTS study_leases (
  name VARCHAR(32) PRIMARY KEY,
  holder VARCHAR(32) NOT NULL,
  ends TIMESTAMP NOT NULL
);
-- What the researcher was told and is not over. unsent is what they are yet to be told of it.
CREATE TABLE IF NOT EXISTS study_alerts (
  name VARCHAR(600) PRIMARY KEY,
  is_over BOOLEAN NOT NULL,
  unsent TEXT NOT NULL
);
-- psiTurk looks up a worker's rows on every visit and has no index for it.
-- Ids that differ in capitals only are one person's.
CREATE INDEX IF NOT EXISTS "{name}_lower_workerid" ON {table} (lower(workerid))
