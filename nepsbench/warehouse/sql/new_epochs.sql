-- The epochs that the warehouse does not hold yet.
CREATE OR REPLACE TEMP TABLE added_epochs AS
SELECT new_epochs.*
FROM new_epochs ANTI JOIN stored_epochs USING (taskid, model_idx, epoch)
ORDER BY taskid, model_idx, epoch;
