#!/bin/bash
# build.sh DIRECTORY   A real Kubernetes control plane and kwok's fake nodes, from Go modules into DIRECTORY/bin, and into
# DIRECTORY/definitions what Prometheus operator and KEDA define. Needs Go >= 1.26, about 7 GB for Go's caches, and on two
# idle cores some eight minutes the first time, a minute afterwards.
set -euo pipefail
KUBERNETES=v1.36.3
ETCD=v3.6.16
KWOK=v0.8.0
PROMETHEUS_OPERATOR=v0.85.0
KEDA=v2.21.0
export CGO_ENABLED=0

directory=$(realpath -m "$1")
mkdir -p "$directory"/{bin,kubernetes,etcd,stages,definitions}

field() { # MODULE@VERSION FIELD: what Go says of a module
	go mod download -json "$1" | sed -n "s/.*\"$2\": \"\(.*\)\".*/\1/p"
}
copy() { # FILE... INTO: the module cache is read-only
	install -m 644 "$@"
}
operator=$(field github.com/prometheus-operator/prometheus-operator@$PROMETHEUS_OPERATOR Dir)
copy "$operator"/example/prometheus-operator-crd/monitoring.coreos.com_{servicemonitors,prometheusrules}.yaml \
	"$directory/definitions"
copy "$(field github.com/kedacore/keda/v2@$KEDA Dir)/config/crd/bases/keda.sh_scaledobjects.yaml" "$directory/definitions"

# the flags of the others, so that Go compiles what they share once
GOBIN="$directory/bin" go install -trimpath "sigs.k8s.io/kwok/cmd/kwok@$KWOK"
stages=$(field "sigs.k8s.io/kwok@$KWOK" Dir)/kustomize/stage
copy "$stages"/node/fast/node-initialize.yaml "$stages"/pod/fast/pod-{ready,complete,delete}.yaml "$directory/stages"

# `go install k8s.io/kubernetes/cmd/...@version` is refused, because its go.mod replaces its own staging modules;
# a module with the same replacements builds the same programs
cd "$directory/kubernetes"
go_mod=$(field "k8s.io/kubernetes@$KUBERNETES" GoMod)
staging=v0.${KUBERNETES#v1.}
{
	printf 'module local/kubernetes\ngo %s\nrequire k8s.io/kubernetes %s\nreplace (\n' \
		"$(awk '/^go /{print $2}' "$go_mod")" "$KUBERNETES"
	awk -v version="$staging" '$2 == "=>" && $3 ~ /^\.\/staging/ {print "\t" $1 " => " $1 " " version}' "$go_mod"
	echo ')'
} >go.mod
programs="kube-apiserver kube-controller-manager kube-scheduler kubectl"
{
	printf '//go:build tools\n\npackage kubernetes\n\nimport (\n'
	for program in $programs; do printf '\t_ "k8s.io/kubernetes/cmd/%s"\n' "$program"; done
	echo ')'
} >tools.go
go mod tidy -e
package=k8s.io/component-base/version
minor=${KUBERNETES#v1.}
flags="-s -w -X $package.gitVersion=$KUBERNETES -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
for program in $programs; do
	go build -trimpath -ldflags "$flags" -o "$directory/bin/$program" "k8s.io/kubernetes/cmd/$program"
done

cd "$directory/etcd"
printf 'module local/etcd\ngo 1.24\nrequire go.etcd.io/etcd/server/v3 %s\n' "$ETCD" >go.mod
printf '//go:build tools\n\npackage etcd\n\nimport _ "go.etcd.io/etcd/server/v3"\n' >tools.go
go mod tidy -e
go build -trimpath -ldflags "-s -w" -o "$directory/bin/etcd" go.etcd.io/etcd/server/v3
