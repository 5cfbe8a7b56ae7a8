#!/usr/bin/env bash
# Brings a version of the service into use, one instance after the other: no request is lost.
#
# Usage: deploy.sh [--no-backup] VERSION
#        deploy.sh --rollback
#
# VERSION is a tag of the IMAGE in .env, which is pulled where this machine does not have it. What fails before
# the instances are replaced leaves the service as it was, with the tables as far as they were migrated. If a new
# instance does not become healthy, those of the old version are put back, and the exit code is 1. What
# compose.override.yaml adds follows the instances.
#
# --rollback   returns to the version before, without migrating: it ran on tables with what was added already
# --no-backup  makes no backup before the migrations

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

backup=yes rollback='' version=''
while [ $# -gt 0 ]; do
    case $1 in
    --no-backup) backup='' ;;
    --rollback) rollback=yes ;;
    -*) fail "unknown option $1: see --help" ;;
    *)
        [ -z "$version" ] || fail "one version, not two: see --help"
        version=$1
        ;;
    esac
    shift
done
lock

old=$(recorded VERSION)
migrated=$(recorded MIGRATED_VERSION)
if [ "$rollback" ]; then
    [ -z "$version" ] || fail "--rollback knows which version: see --help"
    version=$(recorded PREVIOUS_VERSION)
    [ "$version" ] || fail "there is no version to return to"
else
    [ "$version" ] || fail "which version? See --help"
    migrated=$version
fi
[[ $version =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*$ ]] || fail "$version cannot be the tag of an image"
[ "$version" != latest ] || fail "latest is no version: nobody could return to it"
export VERSION=$version MIGRATED_VERSION=$migrated

file=$(readlink -f .env)
[ -w "$file" ] && [ -w "$(dirname "$file")" ] ||
    fail "$file and its directory have to be writable: the version is recorded there"
[ -z "$(find -L .env -perm /o=r)" ] || say "warning: everybody on this machine can read the secrets in $PWD/.env"
# Such as a checkout with a umask of 027. PostgreSQL would go on without what it could not read.
closed=$(find database.sql ../nginx \( ! -perm -o=r -o -type d ! -perm -o=x \) -print -quit)
[ -z "$closed" ] || fail "the containers' users cannot read $closed: chmod -R o+rX database.sql ../nginx"

# Nothing is changed before all of this holds.
docker compose config --quiet || fail "see .env.example"
list
docker compose pull --quiet --policy missing web-a >&2 ||
    fail "there is no image of version $version, neither here nor where it is pulled from"
MIGRATED_VERSION=$version docker compose run --rm --no-deps -T migrate python -m "$PACKAGE.environment" ||
    fail "version $version does not accept the variables in .env"
printed=$(docker compose run --rm --no-deps -T check-nginx 2>&1) ||
    fail "nginx would not start with the files in deploy/nginx, and with its variables:"$'\n'"$printed"
docker compose up --detach --no-deps --wait database || fail "the database does not start"

if [ -z "$rollback" ]; then
    if [ "$old" ] && [ "$backup" ]; then
        VERSION=$old MIGRATED_VERSION=$(recorded MIGRATED_VERSION) ./backup.sh --kind deploy ||
            fail "there is no backup, and so nothing is migrated"
    fi
    docker compose run --rm --no-deps -T migrate || fail "the migrations failed; ${old:-no version} goes on serving"
    record MIGRATED_VERSION "$version"
fi
if grep --quiet --line-regexp static <<<"$all"; then
    docker compose run --rm --no-deps -T static || fail "the static files could not be copied"
fi

# Brings a service into use. nginx tries an instance that was away with a single request, fail_timeout (2 s) after it
# failed, and uses it again when that is answered. It is made to do so here: requests that come together, while the next
# instance is away, would find no other.
bring() {
    local before
    before=$(docker compose ps --quiet "$1")
    start "$1" || return
    [[ $1 = web-* ]] && [ "$(docker compose ps --quiet nginx)" ] || return 0
    if [ "$(docker compose ps --quiet "$1")" != "$before" ]; then
        whole docker compose exec -T nginx sh -c \
            'sleep 4; for _ in 1 2 3 4 5 6 7 8; do wget -q -O /dev/null http://127.0.0.1:8080/health/live; done' ||
            say "warning: nginx did not answer"
    fi
}

replaced=()
put_back() {
    trap '' INT TERM HUP # to stop half-way would leave an instance missing
    [ "$old" ] || fail "version $version was not brought into use, and there is none to return to"
    [ "$old" != "$version" ] || fail "not brought into use everywhere: see docker compose ps, and what changed in .env"
    for service in "${replaced[@]}"; do
        say "$service: version $old"
        VERSION=$old bring "$service" ||
            fail "version $version was not brought into use, and $service is not healthy with $old either"
    done
    fail "version $version was not brought into use; $old serves"
}
trap put_back INT TERM HUP

for service in "${running[@]}"; do
    replaced=("$service" "${replaced[@]}") # the last is put back first: those before it are healthy
    say "$service: version $version"
    if ! bring "$service"; then
        say "$service does not become healthy. The last lines of its log:"
        docker compose logs --no-log-prefix --tail 30 "$service" >&2 || true
        put_back
    fi
done

trap '' INT TERM HUP # the new version serves, and that is not recorded yet
if [ "$old" != "$version" ]; then
    record VERSION "$version" PREVIOUS_VERSION "$old"
fi
trap - INT TERM HUP

# Compose makes nginx anew where this has changed.
record NGINX_FILES "$(find ../nginx -type f -exec sha256sum {} + | sort | sha256sum | cut -c 1-16)"
start nginx || fail "nginx does not start; see docker compose logs nginx"
say "version $version serves"
