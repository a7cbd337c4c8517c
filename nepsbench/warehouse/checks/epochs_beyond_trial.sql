-- error: epochs beyond what the trial says it trained, or below 1
SELECT benchmark, profile, taskid, model_idx,
  'epoch ' || epoch || ' of ' || trials.epochs AS detail
FROM epochs JOIN trials USING (benchmark, profile, taskid, model_idx)
WHERE epoch NOT BETWEEN 1 AND trials.epochs
