"""Health check of a container: exit code 0 if a page of this machine answers, else 1."""

import sys
import urllib.error
import urllib.request

try:
    urllib.request.urlopen(sys.argv[1], timeout=5).close()
except (urllib.error.URLError, OSError):
    sys.exit(1)
