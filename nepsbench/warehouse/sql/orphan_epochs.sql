-- New epochs of trials that neither the warehouse nor the new results know.
SELECT taskid, model_idx
FROM new_epochs
ANTI JOIN new_trials USING (taskid, model_idx)
ANTI JOIN stored_trials USING (taskid, model_idx)
ORDER BY ALL
LIMIT 1;
