-- What the server says to the database, in SQL that PostgreSQL and SQLite share (schema.py).
-- Names in capitals are psiTurk's statuses. 4294967296 is the number of saves that a window has:
-- record_version orders all saves of a record by the number of the window times this, plus the
-- number of the window's save.

-- name: find
SELECT {columns} FROM {table} WHERE uniqueid = :uid

-- name: of_worker
SELECT {columns} FROM {table} WHERE lower(workerid) = lower(:worker)

-- name: load
SELECT datastring, {columns} FROM {table} WHERE uniqueid = :uid

-- name: count
-- psiTurk counts likewise (psiturk/experiment.py): those who finished, and those who arrived
-- within the last cutoff_time minutes and may still finish.
SELECT cond, counterbalance, finished FROM study_counts
WHERE codeversion = :codeversion AND mode = :mode
UNION ALL
SELECT cond, counterbalance, count(*) FROM {table}
WHERE codeversion = :codeversion AND mode = :mode AND beginhit > :since
  AND status NOT IN {FINISHED}
GROUP BY cond, counterbalance

-- name: enrol
INSERT INTO {table} (uniqueid, assignmentid, workerid, hitid, mode, cond, counterbalance,
  codeversion, beginhit, ipaddress, browser, platform, language, owner, status, bonus,
  record_version)
VALUES (:uid, :assignment, :worker, :hit, :mode, :cond, :counterbalance,
  :codeversion, :now, :ipaddress, :browser, :platform, :language, :owner, {ALLOCATED}, 0,
  4294967296)
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
