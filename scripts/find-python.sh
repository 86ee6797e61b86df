#!/bin/sh
# find-python.sh: print the first Python of at least 3.11 (PYTHON, python3, then python3.14 ... python3.11); 1 if none.
for python in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && { command -v "$python"; exit 0; }
done
exit 1
