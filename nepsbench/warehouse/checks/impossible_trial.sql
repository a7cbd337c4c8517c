-- error: trials that contradict themselves
SELECT benchmark, profile, taskid, model_idx, concat_ws(', ',
  if(status = 'complete' AND epochs < target_epochs, 'complete at epoch ' || epochs || ' of ' || target_epochs, NULL),
  if(started > ended, 'ended before it started', NULL),
  if(least(params, flops) < 0, 'negative size', NULL),
  if(epochs < 0 OR model_idx < 1 OR taskid < 0, 'negative counts', NULL)
) AS detail
FROM trials
WHERE detail <> ''
