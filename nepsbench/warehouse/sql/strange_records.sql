-- Records of trials that the profile did not draw.
SELECT taskid, model_idx
FROM (
  SELECT taskid, model_idx FROM epoch_records
  UNION
  SELECT taskid, model_idx FROM trial_records
)
ANTI JOIN profile USING (taskid, model_idx)
ORDER BY ALL
LIMIT 1;
