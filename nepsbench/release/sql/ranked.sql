-- The order of a release's rows: by horizon, configuration, seed, and then the key.
CREATE TEMP TABLE ranked AS
WITH counts AS (
    SELECT profile, taskid, model_idx, count(*) AS recorded FROM source_epochs GROUP BY ALL
),
placed AS (
    SELECT
        t.profile, t.taskid, t.model_idx, t.seed, t.status, p.place,
        coalesce(t.horizon, t.target_epochs) AS horizon,
        coalesce(c.recorded, 0) AS recorded
    FROM source_trials t
    JOIN places p USING (config_id)
    LEFT JOIN counts c USING (profile, taskid, model_idx)
)
SELECT
    *,
    row_number() OVER (
        ORDER BY horizon, place, seed NULLS LAST, profile, taskid, model_idx
    ) - 1 AS trial
FROM placed;
