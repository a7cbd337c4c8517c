-- error: epochs of our own trials are missing
-- repair: start
SELECT benchmark, profile, taskid, model_idx,
  (trials.epochs - coalesce(stored, 0)) || ' of ' || trials.epochs || ' epochs are missing' AS detail
FROM trials
LEFT JOIN (
  SELECT benchmark, profile, taskid, model_idx, count(DISTINCT epoch) AS stored
  FROM epochs WHERE epoch >= 1 GROUP BY ALL
) USING (benchmark, profile, taskid, model_idx)
WHERE origin = 'trained' AND coalesce(stored, 0) < trials.epochs
