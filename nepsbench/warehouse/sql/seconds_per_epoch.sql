-- What is measured of each trial of a profile.
SELECT
  taskid,
  model_idx,
  seconds_per_epoch,
  trials.epochs,
  status = 'diverged' OR (NOT $$retry_failed AND status IN ('failed', 'oom')) AS ended
FROM trials
LEFT JOIN (
  SELECT taskid, model_idx, arg_max(runtime, epoch) / max(epoch) AS seconds_per_epoch
  FROM epochs
  WHERE profile = $$profile AND runtime IS NOT NULL
  GROUP BY ALL
) USING (taskid, model_idx)
WHERE profile = $$profile
ORDER BY taskid, model_idx;
