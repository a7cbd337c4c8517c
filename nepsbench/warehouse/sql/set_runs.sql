-- The trials of a profile with the MLflow runs noted, and which rows that changes.
CREATE OR REPLACE TEMP TABLE with_runs AS
SELECT
  trials.* REPLACE (coalesce(runs.run_id, trials.mlflow_run_id) AS mlflow_run_id),
  coalesce(runs.run_id IS DISTINCT FROM trials.mlflow_run_id AND runs.run_id IS NOT NULL, false)
    AS changed
FROM $source AS trials LEFT JOIN runs USING (taskid, model_idx)
ORDER BY taskid, model_idx;
