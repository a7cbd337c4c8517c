# An environment of its own, with what the package's extra "train" names. Marker last.
set -e
cd @@environment
exec 9>>.lock
flock -w 300 9
[ ! -e installed ] || exit 0
rm -rf venv
@@python -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check ./@@wheel'[train]'
touch installed
