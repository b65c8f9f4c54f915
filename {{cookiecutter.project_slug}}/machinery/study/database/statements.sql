-- What the server says to the database, in SQL that PostgreSQL and SQLite share (schema.py).
-- Names in capitals are psiTurk's statuses. record_version is the number of the window that opened
-- the record last, times 4294967296, plus the number of its entries that are in the record.

-- name: find
SELECT {columns} FROM {table} WHERE uniqueid = :uid

-- name: of_worker
SELECT {columns} FROM {table} WHERE lower(workerid) = lower(:worker)

-- name: of_workers
-- PostgreSQL expects 100 keys in any JSON, for which it would rather read a table of 20,000 rows.
SELECT {columns} FROM {table}
WHERE lower(workerid) IN (SELECT key FROM json_each(:workers) LIMIT :number)

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
  record_version, "commit", machinery)
SELECT key, value ->> 'assignment', value ->> 'worker', value ->> 'hit', value ->> 'mode',
  CAST(value ->> 'cond' AS INTEGER), CAST(value ->> 'counterbalance' AS INTEGER),
  :codeversion, :now, value ->> 'ipaddress', value ->> 'browser', value ->> 'platform',
  value ->> 'language', value ->> 'owner', {ALLOCATED}, 0, 0,
  :commit, :machinery
FROM json_each(:arrivals)
RETURNING {columns}

-- name: take_over
-- Until the first save: afterwards nobody else opens the record.
UPDATE {table} SET owner = :owner, mode = :mode, status = {ALLOCATED}, ending = NULL,
  beginhit = :now, beginexp = NULL, endhit = NULL, "commit" = :commit, machinery = :machinery,
  record_version = (record_version / 4294967296 + 1) * 4294967296
WHERE uniqueid = :uid AND first_saved IS NULL AND datastring IS NULL
RETURNING {columns}

-- name: open_window
UPDATE {table} SET record_version = (record_version / 4294967296 + 1) * 4294967296,
  status = CASE WHEN status = {QUIT} THEN {STARTED} ELSE status END, {GOES_ON}
WHERE uniqueid = :uid AND {MAY_SAVE}
RETURNING datastring, {has_entries}, {columns}

-- name: note_first_save
UPDATE {table} SET first_saved = :now
WHERE uniqueid = :uid AND first_saved IS NULL AND {MAY_SAVE}

-- name: add_entries
-- Those that follow what is held. The lock keeps the window open, and the record unmerged, until
-- the commit. Of the same save twice at the same moment, one fails: ON CONFLICT would cost each save
-- another record of PostgreSQL's log.
INSERT INTO study_entries (uniqueid, writer, first, last, size, received, entries)
SELECT uniqueid, :window, :first, :last, coalesce(held.size, 0) + :size, :now, :entries
FROM {table} LEFT JOIN (
  SELECT last, size FROM study_entries WHERE uniqueid = :uid AND writer = :window
  ORDER BY first DESC LIMIT 1
) AS held ON 1 = 1
WHERE uniqueid = :uid AND record_version / 4294967296 = :window AND {MAY_SAVE}
  AND coalesce(held.last, record_version % 4294967296) = :first - 1
  AND {octet_length}(coalesce(datastring, '')) + coalesce(held.size, 0) + :size <= :limit
{for_share}
RETURNING last

-- name: held
-- How many entries of the present window are held, and the bytes of the whole record.
SELECT coalesce(held.last, record_version % 4294967296) AS number,
  {octet_length}(coalesce(datastring, '')) + coalesce(held.size, 0) AS size
FROM {table} LEFT JOIN (
  SELECT last, size FROM study_entries WHERE uniqueid = :uid AND writer = :window
  ORDER BY first DESC LIMIT 1
) AS held ON 1 = 1
WHERE uniqueid = :uid

-- name: load
SELECT datastring, {has_entries}, {columns}
FROM {table} WHERE uniqueid = :uid

-- name: has_entries
SELECT 1 FROM study_entries WHERE uniqueid = :uid LIMIT 1

-- name: lock
SELECT datastring, {columns} FROM {table} WHERE uniqueid = :uid {for_update}

-- name: entries
SELECT writer, first, entries FROM study_entries WHERE uniqueid = :uid ORDER BY writer, first

-- name: store
UPDATE {table} SET datastring = :data, record_version = :version,
  last_place = coalesce(:place, last_place), last_saved = coalesce((
    SELECT max(received) FROM study_entries WHERE uniqueid = :uid
  ), last_saved)
WHERE uniqueid = :uid

-- name: delete_entries
DELETE FROM study_entries WHERE uniqueid = :uid

-- name: idle
SELECT uniqueid FROM study_entries WHERE uniqueid = :uid
GROUP BY uniqueid HAVING max(received) < :since

-- name: all_idle
SELECT uniqueid FROM study_entries GROUP BY uniqueid HAVING max(received) < :since

-- name: save
-- The whole record, as psiturk.js saves it. Its entries only become more, so the larger is newer.
UPDATE {table} SET datastring = :data, first_saved = coalesce(first_saved, :now),
  last_saved = :now,
  record_version = record_version / 4294967296 * 4294967296 + :size
WHERE uniqueid = :uid AND record_version % 4294967296 <= :size AND {MAY_SAVE}
RETURNING uniqueid

-- name: set_aside
-- Each piece once, a line each, and no more for one participant than a record may have. The lock
-- keeps the participant from being erased before the commit.
INSERT INTO study_superseded_records (uniqueid, writer, received, reason, datastring)
SELECT uniqueid, :window, :now, :reason, CAST(:data AS TEXT) FROM {table}
WHERE uniqueid = :uid AND ({octet_length}(CAST(:data AS TEXT)) + (
  SELECT coalesce(sum({octet_length}(datastring)), 0) FROM study_superseded_records
  WHERE uniqueid = :uid
) <= :limit OR EXISTS (
  SELECT 1 FROM study_superseded_records
  WHERE uniqueid = :uid AND writer = :window AND {position}(datastring, CAST(:data AS TEXT)) > 0
))
{for_share}
ON CONFLICT (uniqueid, writer) DO UPDATE SET received = excluded.received, datastring =
  CASE WHEN {position}(study_superseded_records.datastring, excluded.datastring) > 0
    THEN study_superseded_records.datastring
    ELSE study_superseded_records.datastring || {newline} || excluded.datastring END
RETURNING uniqueid

-- name: begin
UPDATE {table} SET status = {STARTED}, beginexp = :now
WHERE uniqueid = :uid AND status IN ({NOT_ACCEPTED}, {ALLOCATED}) AND {MAY_SAVE}
RETURNING uniqueid

-- name: quit
UPDATE {table} SET status = {QUIT}
WHERE uniqueid = :uid AND status IN ({NOT_ACCEPTED}, {ALLOCATED}, {STARTED})
  AND mode NOT IN {TEST_MODES}
RETURNING uniqueid

-- name: complete
UPDATE {table} SET status = {COMPLETED}, endhit = :now
WHERE uniqueid = :uid
RETURNING {columns}

-- name: submit
UPDATE {table} SET status = {SUBMITTED}
WHERE uniqueid = :uid AND status = {COMPLETED}
RETURNING {columns}

-- name: leave
UPDATE {table} SET status = {QUIT}, ending = :reason, endhit = :now
WHERE uniqueid = :uid AND status NOT IN {FINISHED} AND ending IS NULL
RETURNING uniqueid

-- name: find_erased
SELECT 1 FROM study_erased WHERE mark = :mark

-- name: count_event
INSERT INTO study_incidents (kind, day, count) VALUES (:kind, :day, :number)
ON CONFLICT (kind, day) DO UPDATE SET count = study_incidents.count + excluded.count

-- name: count_browser_error
INSERT INTO study_browser_errors (message, file, line, page, browser, participants, first, last)
VALUES (:message, :file, :line, :page, :browser, 1, :now, :now)
ON CONFLICT (message, file, line, page, browser)
DO UPDATE SET participants = study_browser_errors.participants + 1, last = excluded.last

-- name: forget_rare_browser_errors
DELETE FROM study_browser_errors WHERE (message, file, line, page, browser) IN (
  SELECT message, file, line, page, browser FROM study_browser_errors
  ORDER BY participants DESC, last DESC LIMIT 1000000 OFFSET :most
)

-- name: note_start
INSERT INTO study_starts (server, started) VALUES (:server, :now) ON CONFLICT DO NOTHING

-- name: forget_starts
DELETE FROM study_starts WHERE started < :earliest

-- name: take_lease
INSERT INTO study_leases (name, holder, ends) VALUES (:name, :holder, :ends)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, ends = excluded.ends
WHERE study_leases.holder = excluded.holder OR study_leases.ends < :now
RETURNING holder

-- name: keep_alert
INSERT INTO study_alerts (name, is_over, unsent) VALUES (:name, :is_over, :unsent)
ON CONFLICT (name) DO UPDATE SET is_over = excluded.is_over, unsent = excluded.unsent

-- name: drop_alert
DELETE FROM study_alerts WHERE name = :name

-- name: make_key
INSERT INTO study_keys (name, value) VALUES ('secret', :value) ON CONFLICT (name) DO NOTHING

-- name: find_key
SELECT value FROM study_keys WHERE name = 'secret'
