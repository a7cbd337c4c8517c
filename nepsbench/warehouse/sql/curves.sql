-- One row a trial and epoch: the trial, its configuration, and the epoch's metrics.
CREATE OR REPLACE VIEW curves AS
SELECT trials.*, epochs.* EXCLUDE (benchmark, profile, taskid, model_idx)
FROM trials JOIN epochs USING (benchmark, profile, taskid, model_idx);
