# The interpreter has what the package needs, so unpacking the wheel is enough. Marker last.
set -e
cd @@environment
exec 9>>.lock
flock -w 300 9
[ ! -e installed ] || exit 0
rm -rf site.part site
@@python -m zipfile -e @@wheel site.part
mv site.part site
touch installed
