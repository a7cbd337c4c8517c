SELECT $columns FROM source_epochs JOIN ranked USING (profile, taskid, model_idx)
ORDER BY trial, epoch;
