-- Keeps the finished participants of each cell on PostgreSQL. Counting anew for each arrival would
-- take longer the more participants there are. A trigger sees every change, whoever makes it: the
-- server, psiTurk's shell, or somebody in psql.

CREATE TABLE study_counts (
  codeversion VARCHAR(128) NOT NULL,
  mode VARCHAR(128) NOT NULL,
  cond INTEGER NOT NULL,
  counterbalance INTEGER NOT NULL,
  finished INTEGER NOT NULL,
  PRIMARY KEY (codeversion, mode, cond, counterbalance)
);

CREATE OR REPLACE FUNCTION study_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status IN {FINISHED} AND NEW.status IN {FINISHED}
    AND (OLD.codeversion, OLD.mode, OLD.cond, OLD.counterbalance)
      = (NEW.codeversion, NEW.mode, NEW.cond, NEW.counterbalance) THEN
    RETURN NULL;  -- completed to submitted, for example
  END IF;
  IF OLD.status IN {FINISHED} THEN
    UPDATE study_counts SET finished = finished - 1
    WHERE codeversion = OLD.codeversion AND mode = OLD.mode
      AND cond = OLD.cond AND counterbalance = OLD.counterbalance;
  END IF;
  IF NEW.status IN {FINISHED}
    AND (NEW.codeversion, NEW.mode, NEW.cond, NEW.counterbalance) IS NOT NULL THEN
    INSERT INTO study_counts
    VALUES (NEW.codeversion, NEW.mode, NEW.cond, NEW.counterbalance, 1)
    ON CONFLICT (codeversion, mode, cond, counterbalance)
    DO UPDATE SET finished = study_counts.finished + 1;
  END IF;
  RETURN NULL;
END $$;

-- Creating the trigger locks the table until the commit, so nobody can finish between it and
-- the count that follows.
CREATE TRIGGER study_count AFTER INSERT OR DELETE OR
  UPDATE OF status, codeversion, mode, cond, counterbalance ON {table}
FOR EACH ROW EXECUTE FUNCTION study_count();

INSERT INTO study_counts
{count};
