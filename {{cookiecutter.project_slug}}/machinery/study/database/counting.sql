-- Keeps study_cells on PostgreSQL: how many participants of each cell have finished, have saved
-- something or have only arrived, the latter two by the minute of their arrival. Counting anew for
-- each arrival would take longer the more of them there are. A trigger sees every change, whoever
-- makes it: the server, psiTurk's shell, or somebody in psql.

-- Version 0.1.0 counted otherwise.
DROP FUNCTION IF EXISTS study_count() CASCADE;
DROP TABLE IF EXISTS study_counts;

CREATE TABLE study_cells (
  codeversion VARCHAR(128) NOT NULL,
  mode VARCHAR(128) NOT NULL,
  state VARCHAR(8) NOT NULL,
  minute TIMESTAMP NOT NULL,
  cond INTEGER NOT NULL,
  counterbalance INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (codeversion, mode, state, minute, cond, counterbalance)
);

CREATE FUNCTION study_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    UPDATE study_cells SET number = number - 1
    WHERE (codeversion, mode, state, minute, cond, counterbalance) = ({old});
    DELETE FROM study_cells
    WHERE (codeversion, mode, state, minute, cond, counterbalance) = ({old}) AND number = 0;
  END IF;
  IF TG_OP <> 'DELETE' AND ({new}) IS NOT NULL THEN
    INSERT INTO study_cells VALUES ({new}, 1)
    ON CONFLICT (codeversion, mode, state, minute, cond, counterbalance)
    DO UPDATE SET number = study_cells.number + 1;
  END IF;
  RETURN NULL;
END $$;

-- Creating the triggers locks the table until the commit, so nobody can arrive between that and
-- the count that follows.
CREATE TRIGGER study_count AFTER INSERT OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION study_count();

CREATE TRIGGER study_recount AFTER UPDATE OF
  codeversion, mode, status, first_saved, datastring, beginhit, cond, counterbalance ON {table}
FOR EACH ROW WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION study_count();

INSERT INTO study_cells
SELECT {each}, count(*) FROM {table} WHERE ({each}) IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6;
