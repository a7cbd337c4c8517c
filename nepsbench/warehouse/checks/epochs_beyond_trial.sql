-- error: epochs beyond what the trial says it trained, or before the first
SELECT benchmark, profile, taskid, model_idx,
  'epoch ' || epoch || ' of ' || trials.epochs AS detail
FROM epochs JOIN trials USING (benchmark, profile, taskid, model_idx)
WHERE epoch NOT BETWEEN if(origin = 'trained', 1, 0) AND trials.epochs
