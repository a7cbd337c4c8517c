"""Benchmarks as other libraries' objectives; a module a library, which is imported only there.

``optuna``, ``smac``, ``neps`` and ``syne_tune`` here take any benchmark object, or a
:class:`~nepsbench.client.search_log.SearchLog` around one, so that budgets and logs are the same
whatever optimises. Each has a runnable example in ``docs/optimisers.md``.
"""
