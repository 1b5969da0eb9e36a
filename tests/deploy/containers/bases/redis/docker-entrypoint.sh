#!/bin/sh
# The public image's Redis is built with protected mode off; Debian's is not.
[ "${1#-}" != "$1" ] && set -- redis-server "$@"
[ "$1" = redis-server ] && set -- "$@" --protected-mode no
exec "$@"
