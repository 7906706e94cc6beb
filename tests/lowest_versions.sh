#!/usr/bin/env bash
# Run the tests in an environment that holds the lowest version of each dependency that settings.ini declares.
# Run it before a release, with nothing else at work:
#   bash tests/lowest_versions.sh [ENVIRONMENT] [pytest arguments]
# The versions come from settings.ini alone: uv chooses the lowest that its `>=` allow. The tools of the
# development (nbdev, ruff, jupyterlab) are the newest that fit beside them.
set -euo pipefail
cd "$(dirname "$0")/.."
environment=${1:-$(mktemp -d)}; shift || true
python3 -m venv "$environment"
. "$environment/bin/activate"
pip install --quiet uv
lowest="$environment/lowest_versions.txt"
# Only what posebook itself requires: what these packages require in turn stays free
uv pip compile --quiet setup.py --no-cache --extra gpu --extra sleap --extra timm --resolution lowest-direct --no-deps --no-annotate --output-file "$lowest"
uv pip install --editable '.[dev]' --constraint "$lowest"
pytest "$@"
