-- What the warehouse holds, a line a profile.
SELECT
  benchmark,
  profile,
  count(*) AS trials,
  count(*) FILTER (status = 'complete') AS complete,
  count(*) FILTER (status = 'diverged') AS diverged,
  count(*) FILTER (status IN ('failed', 'oom')) AS failed,
  count(*) FILTER (status IN ('pending', 'running', 'timeout')) AS unfinished,
  max(epochs) AS epochs
FROM trials
GROUP BY ALL
ORDER BY ALL;
