-- warning: epochs without a loss or an accuracy, of our own trials that did not diverge
SELECT benchmark, profile, taskid, model_idx, 'epoch ' || epoch AS detail
FROM epochs JOIN trials USING (benchmark, profile, taskid, model_idx)
WHERE origin = 'trained' AND status <> 'diverged'
  AND (train_loss IS NULL OR valid_loss IS NULL OR test_loss IS NULL
    OR train_acc IS NULL OR valid_acc IS NULL OR test_acc IS NULL)
