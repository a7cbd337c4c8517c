"""Settings of surrogates, searched on the cluster: each trial of the search is a task of a job.

Optuna's TPE asks for a round of settings at a time; a job of as many tasks judges them by grouped
cross-validation; the next round knows the answers. What is held out for the surrogate's card is
neither sent nor looked at. The settings belong to the tables that they were searched on.
"""
