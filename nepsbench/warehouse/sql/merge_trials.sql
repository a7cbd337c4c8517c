-- The profile's trials after an ingest, with what happened to each row.
-- A row is newer if its training went on: more epochs, a farther target, or, while the stored row
-- is not final or the trial was trained anew, a later end. Otherwise the stored row stays.
CREATE OR REPLACE TEMP TABLE merged_trials AS
WITH paired AS (
  SELECT
    stored,
    new,
    CASE
      WHEN new.taskid IS NULL THEN 'kept'
      WHEN stored.taskid IS NULL THEN 'added'
      WHEN new.epochs > stored.epochs THEN 'updated'
      WHEN new.epochs < stored.epochs THEN 'unchanged'
      WHEN new.target_epochs > stored.target_epochs THEN 'updated'
      WHEN new.target_epochs < stored.target_epochs THEN 'unchanged'
      WHEN (stored.status NOT IN ($final) OR renewed.taskid IS NOT NULL)
        AND coalesce(new.ended > stored.ended, new.ended IS NOT NULL) THEN 'updated'
      ELSE 'unchanged'
    END AS change
  FROM stored_trials AS stored
  FULL JOIN new_trials AS new
    ON stored.taskid = new.taskid AND stored.model_idx = new.model_idx
  LEFT JOIN renewed
    ON stored.taskid = renewed.taskid AND stored.model_idx = renewed.model_idx
)
SELECT change, $columns FROM paired ORDER BY taskid, model_idx;
