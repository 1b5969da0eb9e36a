#!/bin/sh
# Makes .env from .env.example, beside it, with random secrets. An .env that is there stays as it is.
set -eu
cd "$(dirname "$0")/../.."
umask 077
random() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}
if [ -e .env ]; then
    echo ".env is there already and stays as it is" >&2
    exit 1
fi
while IFS= read -r line; do
    case $line in
    SIPAS_SECRET= | SIPAS_LINK_SECRET= | REDIS_PASSWORD= | GRAFANA_PASSWORD=) line=$line$(random) ;;
    esac
    printf '%s\n' "$line"
done < .env.example > .env.part
# complete, or not there
mv .env.part .env
echo "made .env; set the addresses in it, then: docker compose up -d --build"
