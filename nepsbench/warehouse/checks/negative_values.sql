-- error: losses, durations, rates or sizes below zero
SELECT benchmark, profile, taskid, model_idx,
  'epoch ' || epoch || ': ' || least(*COLUMNS('(_loss|_duration|^lr|^runtime|^latency|^cpu_percent|^memory_.*|^peak_memory|^energy)$')) AS detail
FROM epochs
WHERE least(*COLUMNS('(_loss|_duration|^lr|^runtime|^latency|^cpu_percent|^memory_.*|^peak_memory|^energy)$')) < 0
