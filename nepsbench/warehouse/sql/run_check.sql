-- How many rows offend a check, and the first few of them.
WITH offending AS ($check)
SELECT count(*) OVER () AS total, benchmark, profile, taskid, model_idx, detail
FROM offending
WHERE benchmark = coalesce($$benchmark, benchmark) AND profile = coalesce($$profile, profile)
ORDER BY benchmark, profile, taskid, model_idx, detail
LIMIT $$shown;
