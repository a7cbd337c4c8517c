SELECT $columns, trial FROM source_epochs JOIN ranked USING (profile, taskid, model_idx)
ORDER BY horizon, epoch, trial;
