-- warning: epochs without a loss or what a split is judged by, of our own trials that did not diverge
SELECT benchmark, profile, taskid, model_idx, 'epoch ' || epoch AS detail
FROM epochs JOIN trials USING (benchmark, profile, taskid, model_idx)
WHERE origin = 'trained' AND status <> 'diverged'
  AND (train_loss IS NULL OR valid_loss IS NULL OR test_loss IS NULL
    OR coalesce(train_acc, train_f1_error, train_map_error, train_auroc_error, train_mae8,
        train_rel_l2) IS NULL
    OR coalesce(valid_acc, valid_f1_error, valid_map_error, valid_auroc_error, valid_mae8,
        valid_rel_l2) IS NULL
    OR coalesce(test_acc, test_f1_error, test_map_error, test_auroc_error, test_mae8,
        test_rel_l2) IS NULL)
