SELECT $columns, trial FROM source_trials JOIN ranked USING (profile, taskid, model_idx)
ORDER BY trial;
