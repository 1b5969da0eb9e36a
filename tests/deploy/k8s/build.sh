#!/bin/bash
# Builds a real Kubernetes control plane from Go modules into DIRECTORY/bin: build.sh DIRECTORY
# Needs Go >= 1.26 and about 7 GB for Go's caches; five minutes on two cores the first time, seconds afterwards.
set -euo pipefail
KUBERNETES=v1.36.3
ETCD=v3.6.16
KWOK=v0.8.0
export CGO_ENABLED=0

directory=$(realpath -m "$1")
mkdir -p "$directory"/{bin,kubernetes,etcd}

# `go install k8s.io/kubernetes/cmd/...@version` is refused, because its go.mod replaces its own staging modules;
# a module with the same replacements builds the same programs
cd "$directory/kubernetes"
go_mod=$(go mod download -json "k8s.io/kubernetes@$KUBERNETES" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
staging=v0.${KUBERNETES#v1.}
{
	printf 'module local/kubernetes\ngo %s\nrequire k8s.io/kubernetes %s\nreplace (\n' \
		"$(awk '/^go /{print $2}' "$go_mod")" "$KUBERNETES"
	awk -v version="$staging" '$2 == "=>" && $3 ~ /^\.\/staging/ {print "\t" $1 " => " $1 " " version}' "$go_mod"
	echo ')'
} >go.mod
programs="kube-apiserver kubectl kube-controller-manager kube-scheduler"
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

GOBIN="$directory/bin" go install "sigs.k8s.io/kwok/cmd/kwok@$KWOK"
