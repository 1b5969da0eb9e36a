#!/bin/sh
# sbom.sh DIRECTORY: what is in each image, CycloneDX 1.6, as DIRECTORY/sipas-SERVICE.cdx.json, from the part of the lock
# that the image is built of. cyclonedx-py lies in DIRECTORY/venv (`make sbom` puts it there).
set -eu
# it misses a graph of who needs whom: the lock is flat
export PYTHONWARNINGS=ignore
cd "$(dirname "$0")/../.."
for service in survey aggregator notifier board; do
    "$1/venv/bin/python" deploy/docker/cut.py requirements "$service" > "$1/$service.txt"
    "$1/venv/bin/cyclonedx-py" requirements --pyproject pyproject.toml --mc-type application --output-reproducible \
        --spec-version 1.6 --output-format JSON --output-file "$1/sipas-$service.cdx.json" "$1/$service.txt"
    rm "$1/$service.txt"
    echo "$1/sipas-$service.cdx.json"
done
