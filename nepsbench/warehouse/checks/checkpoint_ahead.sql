-- error: checkpoints beyond what is recorded, behind which training would leave a gap
-- repair: start
SELECT benchmark, profile, taskid, model_idx,
  concat('checkpoint of epoch ', epoch, ', ', coalesce(epochs, 0), ' recorded here, ',
    coalesce(journalled, 0), ' in the journals') AS detail
FROM checkpoints LEFT JOIN trials USING (benchmark, profile, taskid, model_idx)
WHERE epoch > greatest(coalesce(epochs, 0), coalesce(journalled, 0))
