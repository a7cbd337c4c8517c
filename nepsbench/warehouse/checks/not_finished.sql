-- warning: trials that have not come to their end
SELECT benchmark, profile, taskid, model_idx,
  concat_ws(': ', status || ' at epoch ' || epochs, reason) AS detail
FROM trials WHERE status NOT IN ('complete', 'diverged')
