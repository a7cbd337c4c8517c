-- error: trainings that two imports hold, or may hold, so that a mean would count them twice; drop one import
WITH several AS (
  SELECT benchmark FROM trials WHERE origin <> 'trained'
  GROUP BY benchmark HAVING count(DISTINCT profile) > 1
)
SELECT benchmark, min(profile) AS profile, min(taskid) AS taskid, min(model_idx) AS model_idx,
  concat('configuration ', config_id, ', horizon ', horizon, ': in ',
    string_agg(DISTINCT profile, ' and ' ORDER BY profile)) AS detail
FROM trials SEMI JOIN several USING (benchmark)
WHERE origin <> 'trained'
GROUP BY benchmark, config_id, horizon
-- A missing seed may be any of them.
HAVING count(DISTINCT profile) > 1 AND count(DISTINCT seed) < count(*)
