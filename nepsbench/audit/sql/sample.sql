-- Some of the trials that we trained ourselves, with what training them again needs and may cost.
-- Ranked by a hash of seed and key: the same seed draws the same trials, whatever else is there.
WITH trained AS (
  SELECT *, least(
    -- One that diverged is trained on until it diverges again.
    if(status = 'diverged', target_epochs, epochs), coalesce($$epochs, 2147483647)
  ) AS until
  FROM trials
  WHERE origin = 'trained' AND (epochs > 0 OR status = 'diverged')
),
sampled AS (
  SELECT *, count(*) OVER () AS population
  FROM trained
  QUALIFY row_number() OVER (ORDER BY sha256(concat_ws('/', $$seed, profile, taskid, model_idx)))
    <= coalesce($$number, greatest(1, ceil(round($$share * count(*) OVER (), 6))))
),
measured AS (
  SELECT profile, taskid, model_idx,
    arg_max(epochs.runtime, epochs.epoch) / max(epochs.epoch) AS seconds_per_epoch,
    max(epochs.memory_ram) AS memory
  FROM epochs SEMI JOIN sampled USING (profile, taskid, model_idx)
  WHERE epochs.runtime IS NOT NULL
  GROUP BY ALL
)
SELECT profile, taskid, model_idx, seed, config_id, space, space_version, dataset, dataset_version,
  recipe, until, seconds_per_epoch, memory, population, $parameters
FROM sampled LEFT JOIN measured USING (profile, taskid, model_idx)
ORDER BY profile, taskid, model_idx;
