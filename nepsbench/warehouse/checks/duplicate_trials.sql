-- error: trials that stand twice
SELECT benchmark, profile, taskid, model_idx, count(*) || ' rows' AS detail
FROM trials GROUP BY benchmark, profile, taskid, model_idx HAVING count(*) > 1
