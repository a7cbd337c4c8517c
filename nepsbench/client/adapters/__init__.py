"""Benchmarks as other libraries have them; a module a library.

``optuna``, ``smac``, ``neps`` and ``syne_tune`` here take any benchmark object, or a
:class:`~nepsbench.client.search_log.SearchLog` around one, so that budgets and logs are the same
whatever optimises. Each has a runnable example in ``docs/optimisers.md``.

``nasbench``, ``nats_bench``, ``nashpobench2``, ``nni`` and ``jahs_bench`` have the interfaces of
the clients of these names, so that scripts for those run with only the import changed; they need
none of these libraries. Examples, and what differs, are in ``docs/adapters.md``.
"""
