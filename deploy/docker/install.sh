#!/bin/sh
# install.sh packages|project SERVICE: puts the packages of one service, then the service itself, into /opt/sipas,
# a virtual environment without pip.
set -eu
case $1 in
packages)
    python -m venv --without-pip /opt/sipas
    python cut.py requirements "$2" > requirements.txt
    python -m pip --python /opt/sipas/bin/python install --quiet --require-hashes --only-binary=:all: -r requirements.txt
    ;;
project)
    mkdir -p project
    mv sipas services project
    python cut.py project "$2" > project/pyproject.toml
    tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheels ./project
    python -m pip --python /opt/sipas/bin/python install --quiet --no-deps --no-index wheels/*.whl
    ;;
esac
