#!/bin/sh
# create-secrets.sh single|cluster SMTP_URL   Makes the Secrets of the namespace sipas that do not exist yet, with fresh
# random values; none is printed, none is ever changed by this. `cluster` for the nation's Redis Cluster.
# KUBECTL names another kubectl, NAMESPACE another namespace. What each is for: docs/kubernetes.md.
set -eu
kubectl="${KUBECTL:-kubectl} --namespace ${NAMESPACE:-sipas}"
case ${1-} in
single) ledgers=redis ;;
cluster) ledgers=redis+cluster ;;
*) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
esac
smtp=${2:?the mail server: smtp://user:password@host:587}

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
# by files, so that no value stands on a command line
values=$(mktemp -d)
trap 'rm -rf "$values"' EXIT
create() { # SECRET KEY...: the values are in files of that name
	secret=$1
	shift
	if $kubectl get secret "$secret" >/dev/null 2>&1; then
		echo "$secret exists"
		return
	fi
	arguments=
	for key in "$@"; do arguments="$arguments --from-file=$key=$values/$key"; done
	$kubectl create secret generic "$secret" $arguments >/dev/null
	echo "$secret made"
}
put() { printf %s "$2" >"$values/$1"; }

put secret "$(random)"
create sipas-survey secret
put secret "$(random)"
create sipas-links secret
put password "$(random)"
put url "$ledgers://:$(cat "$values/password")@redis:6379"
create sipas-redis password url
put password "$(random)"
put url "redis://:$(cat "$values/password")@limiter:6379/0"
create sipas-limiter password url
put smtp-url "$smtp"
create sipas-mail smtp-url
