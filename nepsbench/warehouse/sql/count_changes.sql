SELECT change, count(*) FROM merged_trials GROUP BY change;
