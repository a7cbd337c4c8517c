#!/bin/sh
# Prints an .env for docker-compose.yaml with fresh random secrets.
set -eu
umask 077

hex() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

cat <<END
POSTGRES_PASSWORD=$(hex 16)
AIRFLOW_PASSWORD=$(hex 12)
MLFLOW_PASSWORD=$(hex 12)
AIRFLOW_FERNET_KEY=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')
AIRFLOW_JWT_SECRET=$(hex 64)
AIRFLOW_SECRET_KEY=$(hex 32)
MLFLOW_SECRET_KEY=$(hex 32)
END
