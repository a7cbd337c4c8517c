-- warning: checkpoints behind what is recorded, of trials that have come to their end
-- repair: checkpoint
SELECT benchmark, profile, taskid, model_idx,
  concat('checkpoint of epoch ', epoch, ', ', epochs, ' recorded') AS detail
FROM checkpoints JOIN trials USING (benchmark, profile, taskid, model_idx)
-- Those of other trials catch up by themselves when training goes on.
WHERE epoch < epochs AND status IN ('complete', 'diverged')
