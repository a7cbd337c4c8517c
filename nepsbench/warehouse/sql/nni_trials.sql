-- Some trials of NNI's database, each with its configuration.
SELECT trial.id, configuration.id, $columns
FROM ${prefix}trialstats AS trial
LEFT JOIN ${prefix}trialconfig AS configuration ON configuration.id = trial.config_id
WHERE trial.id > ? ORDER BY trial.id LIMIT ?;
