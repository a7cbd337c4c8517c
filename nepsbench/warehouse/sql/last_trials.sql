-- Every trial of the profile with the record of its farthest training.
WITH farthest AS (
  SELECT * FROM trial_records
  QUALIFY row_number() OVER (
    PARTITION BY taskid, model_idx ORDER BY epochs DESC, place DESC
  ) = 1
),
trained AS (
  SELECT taskid, model_idx, max(epoch) AS last_epoch FROM last_epochs GROUP BY ALL
)
SELECT
  profile.*,
  $recorded,
  -- Epochs beyond the last trial record: the worker was killed, or is at work.
  CASE
    WHEN coalesce(last_epoch, 0) > coalesce(farthest.epochs, 0) THEN 'running'
    ELSE coalesce(farthest.status, 'pending')
  END AS status,
  greatest(coalesce(last_epoch, 0), coalesce(farthest.epochs, 0)) AS epochs,
  greatest(coalesce(last_epoch, 0), coalesce(farthest.target_epochs, 0)) AS target_epochs
FROM profile
LEFT JOIN farthest USING (taskid, model_idx)
LEFT JOIN trained USING (taskid, model_idx)
ORDER BY taskid, model_idx;
