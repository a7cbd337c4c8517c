SELECT DISTINCT config_id, $parameters FROM source_trials ORDER BY ALL;
