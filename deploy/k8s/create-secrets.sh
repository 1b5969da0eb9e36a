#!/bin/sh
# create-secrets.sh single|cluster SMTP_URL   Makes the Secrets that do not exist yet, with fresh random values; none is
# printed, none is ever changed by this. What each is for: docs/kubernetes.md.
#   single   dev and province: one password for one Redis, and none for Kafka
#   cluster  nation: every service has a user of its own on Kafka and on the Redis Cluster. Strimzi reads the passwords of
#            Kafka's in a namespace of its own: what is in one of the two namespaces only is copied to the other
# KUBECTL names another kubectl, NAMESPACE and KAFKA_NAMESPACE other namespaces than sipas and sipas-kafka.
set -eu
kubectl=${KUBECTL:-kubectl}
ours=${NAMESPACE:-sipas}
strimzis=${KAFKA_NAMESPACE:-sipas-kafka}
here=$(dirname "$0")
case ${1-} in
single | cluster) ;;
*) sed -n '2,7s/^# //p' "$0" >&2; exit 2 ;;
esac
smtp=${2:?the mail server: smtp://user:password@host:587}

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
# by files, so that no value stands on a command line
values=$(mktemp -d)
trap 'rm -rf "$values"' EXIT
put() { printf %s "$2" >"$values/$1"; }
exists() { # NAMESPACE SECRET
	$kubectl --namespace "$1" get secret "$2" >/dev/null 2>&1
}
create() { # NAMESPACE SECRET KEY...: the values are in files of that name
	namespace=$1
	secret=$2
	shift 2
	if exists "$namespace" "$secret"; then
		echo "$namespace/$secret exists"
		return
	fi
	arguments=
	for key in "$@"; do arguments="$arguments --from-file=$key=$values/$key"; done
	$kubectl --namespace "$namespace" create secret generic "$secret" $arguments >/dev/null
	echo "$namespace/$secret made"
}
password() { # SECRET NAMESPACE...: that of the first namespace which has the Secret, or a new one
	secret=$1
	shift
	for namespace in "$@"; do
		if exists "$namespace" "$secret"; then
			$kubectl --namespace "$namespace" get secret "$secret" -o 'jsonpath={.data.password}' |
				base64 -d >"$values/password"
			[ -s "$values/password" ] || { echo "$namespace/$secret has no password" >&2; exit 1; }
			return
		fi
	done
	put password "$(random)"
}

put secret "$(random)"
create "$ours" sipas-survey secret
put secret "$(random)"
create "$ours" sipas-links secret
put password "$(random)"
put url "redis://:$(cat "$values/password")@limiter:6379/0"
create "$ours" sipas-limiter password url
put smtp-url "$smtp"
create "$ours" sipas-mail smtp-url

if [ "$1" = single ]; then
	put password "$(random)"
	put url "redis://:$(cat "$values/password")@redis:6379"
	create "$ours" sipas-redis password url
	exit
fi

for user in survey aggregator notifier board operator backup; do
	password "sipas-kafka-$user" "$ours" "$strimzis"
	create "$ours" "sipas-kafka-$user" password
	create "$strimzis" "sipas-kafka-$user" password
done

# several nodes, since any may be down when a service starts
nodes=redis-0.redis:6379,redis-1.redis:6379,redis-2.redis:6379
{
	sed -n 's/^SIPAS_NAMESPACE=\(.*\)/s|${NAMESPACE}|\1|g/p' "$here/base/settings.env"
	# the limiter's, which is another Redis
	echo '/^user survey /d'
} >"$values/fill-in"
for user in admin aggregator notifier board operator; do
	password "sipas-redis-$user" "$ours"
	put url "redis+cluster://$user:$(cat "$values/password")@$nodes"
	# nobody of ours goes there as admin
	if [ $user = admin ]; then keys=password; else keys="password url"; fi
	create "$ours" "sipas-redis-$user" $keys
	echo "s|\${REDIS_$(echo $user | tr a-z A-Z)_PASSWORD}|$(cat "$values/password")|" >>"$values/fill-in"
done
sed -f "$values/fill-in" "$here/../redis/users.acl" >"$values/users.acl"
create "$ours" sipas-redis-acl users.acl
