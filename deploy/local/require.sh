#!/bin/sh
# require.sh TOOL...: prints the Python to use, or says in one message which of the tools are to be installed.
missing=""
for tool in "$@"; do
    case $tool in
    python)
        for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
            # ensurepip is what Debian and Ubuntu leave out of python3
            if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
                python=$candidate
                break
            fi
        done
        [ -n "${python:-}" ] || missing="$missing
  Python >= 3.11 with venv  (python3 python3-venv)"
        ;;
    java)
        java=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
        [ "${java:-0}" -ge 17 ] || missing="$missing
  Java >= 17                (default-jre-headless)"
        ;;
    maven)
        command -v mvn >/dev/null || missing="$missing
  Maven                     (maven)"
        ;;
    podman)
        # runc, and what gives its containers a network with names
        { command -v podman && command -v runc && command -v iptables; } >/dev/null || missing="$missing
  podman with runc          (podman buildah runc netavark aardvark-dns iptables uidmap)"
        ;;
    debootstrap)
        command -v debootstrap >/dev/null || missing="$missing
  debootstrap               (debootstrap)"
        ;;
    esac
done
if [ -n "$missing" ]; then
    echo "Please install what is missing (in brackets: the packages of Debian and Ubuntu):$missing" >&2
    exit 1
fi
echo "${python:-}"
