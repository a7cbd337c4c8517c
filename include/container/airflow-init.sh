#!/bin/sh
# Prepares what all Airflow services share: the password file and the database.
set -eu
umask 077
printf '{"admin": "%s"}' "$AIRFLOW_PASSWORD" >"$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
exec airflow db migrate
