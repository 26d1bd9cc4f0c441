#!/bin/bash
# `make interop`: installs the peers, then runs the tests beside them in a namespace. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/../.."

tests/interop/install.sh
PATH="$PWD/.venv/bin:$PATH"
# Real peers need longer than the unit tests' limit.
exec tests/interop/in_namespace python -m pytest --timeout=300 --override-ini=testpaths=tests/interop "$@"
