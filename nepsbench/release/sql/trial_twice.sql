SELECT profile, taskid, model_idx FROM source_trials
GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1;
