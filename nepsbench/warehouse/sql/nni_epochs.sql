-- The epochs of the trials from one to another; NNI's own index on trial_id finds them.
SELECT trial_id, current_epoch, $columns
FROM ${prefix}intermediatestats WHERE trial_id BETWEEN ? AND ? ORDER BY trial_id, current_epoch;
