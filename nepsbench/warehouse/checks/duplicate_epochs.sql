-- error: epochs that stand twice
SELECT benchmark, profile, taskid, model_idx, 'epoch ' || epoch || ': ' || count(*) || ' rows' AS detail
FROM epochs GROUP BY benchmark, profile, taskid, model_idx, epoch HAVING count(*) > 1
