-- What the server says to the database, in SQL that PostgreSQL and SQLite share (schema.py).
-- Names in capitals are psiTurk's statuses. 4294967296 is the number of saves that a window has:
-- record_version orders all saves of a record by the number of the window times this, plus the
-- number of the window's save.

-- name: find
SELECT {columns} FROM {table} WHERE uniqueid = :uid

-- name: of_worker
SELECT {columns} FROM {table} WHERE workerid = :worker

-- name: load
SELECT datastring, {columns} FROM {table} WHERE uniqueid = :uid

-- name: of_workers
-- PostgreSQL expects 100 keys in any JSON, for which it would rather read a table of 20,000 rows.
SELECT {columns} FROM {table}
WHERE workerid IN (SELECT key FROM json_each(:workers) LIMIT :number)

-- name: count
-- psiTurk counts those who finished and those who arrived within the last cutoff_time minutes
-- (psiturk/experiment.py). Here, the latter count as long as that only if something of them is
-- saved, which takes a second. A page that was opened by nobody must not move the others.
-- Three ranges of the primary key: with OR, PostgreSQL may read the key of everybody.
SELECT cond, counterbalance, CAST(sum(number) AS INTEGER) FROM (
  SELECT cond, counterbalance, number FROM study_cells
  WHERE codeversion = :codeversion AND mode = :mode AND state = 'finished'
  UNION ALL
  SELECT cond, counterbalance, number FROM study_cells
  WHERE codeversion = :codeversion AND mode = :mode AND state = 'saved' AND minute >= :since
  UNION ALL
  SELECT cond, counterbalance, number FROM study_cells
  WHERE codeversion = :codeversion AND mode = :mode AND state = 'arrived' AND minute >= :lately
) AS counted GROUP BY cond, counterbalance

-- name: enrol
INSERT INTO {table} (uniqueid, assignmentid, workerid, hitid, mode, cond, counterbalance,
  codeversion, beginhit, ipaddress, browser, platform, language, owner, status, bonus,
  record_version)
SELECT key, value ->> 'assignment', value ->> 'worker', value ->> 'hit', value ->> 'mode',
  CAST(value ->> 'cond' AS INTEGER), CAST(value ->> 'counterbalance' AS INTEGER),
  :codeversion, :now, value ->> 'ipaddress', value ->> 'browser', value ->> 'platform',
  value ->> 'language', value ->> 'owner', {ALLOCATED}, 0, 4294967296
FROM json_each(:arrivals)
RETURNING {columns}

-- name: take_over
-- Until the first save: afterwards nobody else opens the record.
UPDATE {table} SET owner = :owner, record_version = (record_version / 4294967296 + 1) * 4294967296
WHERE uniqueid = :uid AND first_saved IS NULL AND datastring IS NULL
RETURNING uniqueid

-- name: open_window
UPDATE {table} SET record_version = (record_version / 4294967296 + 1) * 4294967296,
  status = CASE WHEN status = {QUIT} THEN {STARTED} ELSE status END
WHERE uniqueid = :uid
RETURNING record_version / 4294967296

-- name: save
UPDATE {table} SET datastring = :data, record_version = :version
WHERE uniqueid = :uid AND record_version / 4294967296 = :window AND record_version < :version
RETURNING uniqueid

-- name: save_by_size
UPDATE {table} SET datastring = :data,
  record_version = record_version / 4294967296 * 4294967296 + :size
WHERE uniqueid = :uid AND record_version % 4294967296 <= :size
RETURNING uniqueid

-- name: keep_superseded
INSERT INTO study_superseded_records (uniqueid, writer, received, reason, datastring)
VALUES (:uid, :window, :now, 'newer-window', :data)
ON CONFLICT (uniqueid, writer)
DO UPDATE SET received = excluded.received, datastring = excluded.datastring

-- name: begin
UPDATE {table} SET status = {STARTED}, beginexp = :now
WHERE uniqueid = :uid AND status IN ({NOT_ACCEPTED}, {ALLOCATED})
RETURNING {columns}

-- name: quit
UPDATE {table} SET status = {QUIT}
WHERE uniqueid = :uid AND status IN ({NOT_ACCEPTED}, {ALLOCATED}, {STARTED})
  AND mode NOT IN {TEST_MODES}
RETURNING {columns}

-- name: complete
UPDATE {table} SET status = {COMPLETED}, endhit = :now
WHERE uniqueid = :uid AND status IN ({NOT_ACCEPTED}, {ALLOCATED}, {STARTED}, {QUIT})
  AND datastring <> '' AND ending IS NULL
RETURNING {columns}

-- name: submit
UPDATE {table} SET status = {SUBMITTED}
WHERE uniqueid = :uid AND status = {COMPLETED}
RETURNING {columns}

-- name: leave
UPDATE {table} SET status = {QUIT}, ending = :reason, endhit = :now
WHERE uniqueid = :uid AND status NOT IN {FINISHED} AND ending IS NULL
RETURNING uniqueid

-- name: count_event
INSERT INTO study_incidents (kind, day, count) VALUES (:kind, :day, 1)
ON CONFLICT (kind, day) DO UPDATE SET count = study_incidents.count + 1

-- name: make_key
INSERT INTO study_keys (name, value) VALUES ('secret', :value) ON CONFLICT (name) DO NOTHING

-- name: find_key
SELECT value FROM study_keys WHERE name = 'secret'
