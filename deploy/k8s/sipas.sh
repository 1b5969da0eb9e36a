#!/bin/sh
# sipas.sh COMMAND...   Runs a command of sipas in the cluster, as the operator, in a pod that is deleted afterwards:
#     deploy/k8s/sipas.sh key create --scope read
# Files that are named are taken there, and those that it writes come back into this directory. The exit code is the
# command's. KUBECTL names another kubectl, NAMESPACE another namespace, PATIENCE how long the pod may take to start (5m).
set -eu
kubectl="${KUBECTL:-kubectl} --namespace ${NAMESPACE:-sipas}"
case ${1-} in
key | people | poster | registry | scores | settings | topics) image=board ;;
dlq | freeze | replay | verify) image=aggregator ;;
alerts | backtest | unit) image=notifier ;;
*)
	sed -n '2,5s/^# //p' "$0" >&2
	sed -n 's/^\([a-z |]*\)) image=.*/    \1/p' "$0" >&2
	exit 2
	;;
esac

job=sipas-$(date +%s)-$$
trap '$kubectl delete job "$job" --ignore-not-found --wait=false >/dev/null' EXIT
trap 'exit 130' INT TERM
$kubectl create job "$job" --from="cronjob/operator-$image" >/dev/null
if ! $kubectl wait --for='jsonpath={.status.ready}=1' "job/$job" --timeout="${PATIENCE:-5m}" >/dev/null; then
	$kubectl describe pods -l "job-name=$job" | sed -n '/^Events:/,$p' >&2
	exit 1
fi

# by exec, and not as the pod's own command, so that the token of a new key stands in no log
inside() { # SCRIPT ARGUMENT...: in a directory of the pod that is made for it
	script='d=${TMPDIR:-/tmp}/sipas; mkdir -p "$d"; cd "$d"; '$1
	shift
	$kubectl exec $terminal "job/$job" -- sh -c "$script" sh "$@"
}
terminal=-i
for word in "$@"; do
	shift
	case $word in
	*[./]*) if [ -f "$word" ]; then
		# by its length: not every way there passes on the end of a file
		inside 'head -c "$2" >"$1"' "${word##*/}" $(($(wc -c <"$word"))) <"$word"
		word=${word##*/}
	fi ;;
	esac
	set -- "$@" "$word"
done
terminal=
if [ -t 0 ] && [ -t 1 ]; then terminal=-it; fi
inside 'touch .sent; sipas "$@"; echo $? >.status' "$@"
terminal=
inside 'find . -type f -newer .sent ! -name ".s*" -print0 | tar -cf - --null -T -' | tar -xf -
exit "$(inside 'cat .status')"
