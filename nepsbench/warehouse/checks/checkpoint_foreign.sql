-- error: checkpoints of another trial, at which the next wave would fail
-- repair: start
SELECT benchmark, profile, taskid, model_idx,
  concat('of configuration ', checkpoints.config_id, ' and seed ', checkpoints.seed,
    ', the trial has ', trials.config_id, ' and ', trials.seed) AS detail
FROM checkpoints JOIN trials USING (benchmark, profile, taskid, model_idx)
WHERE checkpoints.config_id <> trials.config_id OR checkpoints.seed <> trials.seed
