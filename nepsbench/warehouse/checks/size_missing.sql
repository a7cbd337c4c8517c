-- error: complete trials of our own without size
SELECT benchmark, profile, taskid, model_idx,
  concat_ws(' and ', if(params IS NULL, 'params', NULL), if(flops IS NULL, 'flops', NULL)) || ' missing' AS detail
FROM trials WHERE origin = 'trained' AND status = 'complete' AND (params IS NULL OR flops IS NULL)
