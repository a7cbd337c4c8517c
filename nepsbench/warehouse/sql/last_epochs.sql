-- One row a trial and epoch: of several records the later one.
SELECT $profile AS profile, * EXCLUDE (place)
FROM epoch_records
QUALIFY row_number() OVER (PARTITION BY taskid, model_idx, epoch ORDER BY place DESC) = 1
ORDER BY taskid, model_idx, epoch;
