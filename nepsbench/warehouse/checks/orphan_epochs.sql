-- error: epochs of no trial
SELECT benchmark, profile, taskid, model_idx, 'epoch ' || epoch AS detail
FROM epochs ANTI JOIN trials USING (benchmark, profile, taskid, model_idx)
