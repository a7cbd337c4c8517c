-- One row a trial and epoch: the trial, its configuration, and the epoch's metrics.
CREATE VIEW curves AS
SELECT trials.*, epochs.* EXCLUDE (profile, taskid, model_idx)
FROM trials JOIN epochs USING (profile, taskid, model_idx);
