-- error: accuracies outside 0 to 100 %
SELECT benchmark, profile, taskid, model_idx,
  'epoch ' || epoch || ': ' || least(*COLUMNS('_acc$')) || ' to ' || greatest(*COLUMNS('_acc$')) AS detail
FROM epochs
WHERE least(*COLUMNS('_acc$')) < 0 OR greatest(*COLUMNS('_acc$')) > 100
