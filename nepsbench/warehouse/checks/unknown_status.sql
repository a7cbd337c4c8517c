-- error: trials with a status that nobody knows
SELECT benchmark, profile, taskid, model_idx, status AS detail
FROM trials
WHERE status NOT IN ('pending', 'running', 'complete', 'diverged', 'timeout', 'oom', 'failed')
