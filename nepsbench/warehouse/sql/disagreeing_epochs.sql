-- An epoch that was trained twice, with two values of a metric that must be equal.
SELECT taskid, model_idx, epoch, min($metric), max($metric)
FROM epoch_records
GROUP BY taskid, model_idx, epoch
HAVING min($metric) <> max($metric)
ORDER BY ALL
LIMIT 1;
