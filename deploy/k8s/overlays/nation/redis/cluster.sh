#!/bin/sh
# cluster.sh meet|form HOST:PORT...   The nodes of a Redis Cluster: the first half are its first primaries.
#
# meet: the node at 127.0.0.1:$PORT (6379) tells the others where it is. A node that came back with another address is
#       known by its id; without this a cluster whose nodes were all restarted at once would not find itself again.
# form: makes empty nodes a cluster. Done again it changes nothing.
# The password of the user admin is in REDISCLI_AUTH.
set -eu
what=$1
shift
PATIENCE_S=120

at() { # HOST:PORT COMMAND...
	to=$1
	shift
	redis-cli --user admin -h "${to%:*}" -p "${to##*:}" "$@"
}
address() { # HOST:PORT -> IP PORT
	ip=$(getent ahostsv4 "${1%:*}" | awk '{ print $1; exit }')
	[ -n "$ip" ] && echo "$ip ${1##*:}"
}
until_true() { # WHAT COMMAND...
	said=$1
	shift
	left=$PATIENCE_S
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || { echo "gave up: $said" >&2; exit 1; }
		sleep 1
	done
}
answers() { at "$1" ping | grep -q PONG; }
info() { at "$1" cluster info | tr -d '\r' | sed -n "s/^$2://p"; }
myself() { at "$1" cluster nodes | grep myself; } # id address flags primary sent received epoch state slots...
knows_all() { [ "$(info "$1" cluster_known_nodes)" -ge "$2" ]; }
knows() { at "$1" cluster nodes | grep -q "^$2"; }
whole() { [ "$(info "$1" cluster_state)" = ok ]; }
primary_of() { myself "$1" | awk '{ print ($4 == "-") ? $1 : $4 }'; } # itself, if it is one
is_empty_primary() { myself "$1" | awk '{ exit !($4 == "-" && NF == 8) }'; }

if [ "$what" = meet ]; then
	own=127.0.0.1:${PORT:-6379}
	until_true "$own does not answer" answers "$own"
	for node in "$@"; do
		# one that has no address yet will look for this one
		if where=$(address "$node"); then at "$own" cluster meet $where; fi
	done
	exit
fi

for node in "$@"; do until_true "$node does not answer" answers "$node"; done
first=$1
for node in "$@"; do at "$first" cluster meet $(address "$node") >/dev/null; done
for node in "$@"; do until_true "$node does not know the others" knows_all "$node" $#; done

primaries=$(($# / 2))
assigned=$(info "$first" cluster_slots_assigned)
case $assigned in
16384) echo "all slots are assigned" ;;
0)
	number=0
	for node in "$@"; do
		[ $number -lt $primaries ] || break
		at "$node" cluster addslotsrange $((16384 * number / primaries)) $((16384 * (number + 1) / primaries - 1))
		number=$((number + 1))
	done
	;;
*)
	echo "$assigned of 16384 slots are assigned: look at it with redis-cli --cluster check $first" >&2
	exit 1
	;;
esac

number=0
for node in "$@"; do
	number=$((number + 1))
	if [ $number -gt $primaries ] && is_empty_primary "$node"; then
		eval "followed=\${$((number - primaries))}"
		id=$(primary_of "$followed")
		until_true "$node does not know $followed" knows "$node" "$id"
		at "$node" cluster replicate "$id"
	fi
done
for node in "$@"; do until_true "$node sees no whole cluster" whole "$node"; done
echo "the cluster of $# nodes is whole"
