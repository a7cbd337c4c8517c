-- warning: epochs in the journals on the cluster that are not collected yet
-- repair: collect
SELECT benchmark, profile, taskid, model_idx,
  concat('epoch ', journalled, ' in the journals, ', coalesce(epochs, 0), ' recorded here') AS detail
FROM checkpoints LEFT JOIN trials USING (benchmark, profile, taskid, model_idx)
WHERE journalled > coalesce(epochs, 0)
