-- Every epoch of the profile after an ingest that replaces some.
CREATE OR REPLACE TEMP VIEW all_epochs AS
FROM stored_epochs ANTI JOIN renewed_epochs USING (taskid, model_idx, epoch)
UNION ALL BY NAME FROM renewed_epochs
UNION ALL BY NAME FROM added_epochs
ORDER BY taskid, model_idx, epoch;
