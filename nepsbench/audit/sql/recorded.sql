-- The rows of a table that are of sampled trials.
SELECT recorded.* FROM $table AS recorded SEMI JOIN sample USING (profile, taskid, model_idx);
