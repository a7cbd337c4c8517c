"""nepsbench in Airflow: the operator, the trigger, the forms and the assets. Nothing else has them.

Importing this package loads Airflow only; what a task needs of nepsbench it imports when it runs.
"""
