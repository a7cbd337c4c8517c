-- error: checkpoints that cannot be read, at which the next wave would fail
-- repair: start
SELECT benchmark, profile, taskid, model_idx, problem AS detail
FROM checkpoints WHERE problem IS NOT NULL
