-- warning: cumulative runtimes that fall from one epoch to the next
-- repair: start
SELECT benchmark, profile, taskid, model_idx,
  'epoch ' || epoch || ': ' || runtime || ' s after ' || before || ' s' AS detail
FROM (
  SELECT *, lag(runtime) OVER (
    PARTITION BY benchmark, profile, taskid, model_idx ORDER BY epoch
  ) AS before
  FROM epochs
)
WHERE runtime < before
