-- error: trials that ended badly without a reason
SELECT benchmark, profile, taskid, model_idx, status AS detail
FROM trials WHERE status IN ('diverged', 'oom', 'failed') AND coalesce(reason, '') = ''
