-- Epochs of trials that were trained anew, where something else was measured than is stored.
CREATE OR REPLACE TEMP TABLE renewed_epochs AS
SELECT new.*
FROM new_epochs AS new
JOIN stored_epochs AS stored USING (taskid, model_idx, epoch)
SEMI JOIN renewed USING (taskid, model_idx)
WHERE $difference;
