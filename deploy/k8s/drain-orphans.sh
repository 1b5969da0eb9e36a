#!/bin/sh
# drain-orphans.sh   Sends to Kafka the answers that lie on volumes of survey pods that no longer run: pods that were
# scaled away, or lost with their node, while Kafka was away. Exit code 1 where one could not be sent; nothing is deleted.
# KUBECTL names another kubectl, NAMESPACE another namespace, PATIENCE how long one volume may take (10m).
set -eu
kubectl="${KUBECTL:-kubectl} --namespace ${NAMESPACE:-sipas}"
failed=0
for claim in $($kubectl get persistentvolumeclaims -l app.kubernetes.io/name=survey -o name); do
	claim=${claim#*/}
	pod=${claim#spool-}
	if $kubectl get pod "$pod" >/dev/null 2>&1; then
		echo "$claim: $pod runs, and sends by itself"
		continue
	fi
	job=drain-$pod
	$kubectl delete job "$job" --ignore-not-found >/dev/null
	# the Job has image and settings of the CronJob, and this volume
	$kubectl create job "$job" --from=cronjob/spool-drain --dry-run=client -o yaml |
		sed "s/claimName: spool-survey-0$/claimName: $claim/" | $kubectl create -f - >/dev/null
	if $kubectl wait --for=condition=Complete "job/$job" --timeout="${PATIENCE:-10m}" >/dev/null; then
		echo "$claim: $($kubectl logs "job/$job" --tail=1 2>/dev/null || echo sent)"
	else
		echo "$claim: not sent; look at: $kubectl logs job/$job" >&2
		failed=1
	fi
done
exit $failed
