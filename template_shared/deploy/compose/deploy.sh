#!/usr/bin/env bash
# Brings a version of the service into use, one instance after the other: no request is lost.
#
# Usage: deploy.sh [--no-backup] VERSION
#        deploy.sh --rollback
#
# VERSION is a tag of the IMAGE in .env, which is pulled where this machine does not have it. What fails before
# the instances are replaced leaves the service as it was, with the tables as far as they were migrated. If a new
# instance does not become healthy, those of the old version are put back, and the exit code is 1.
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

[ -z "$(find -L .env -perm /o=r)" ] || say "warning: everybody on this machine can read the secrets in $PWD/.env"

# Nothing is changed before all of this holds.
docker compose config --quiet || fail "see .env.example"
image=$(recorded IMAGE):$version
docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" >&2 ||
    fail "there is no image $image, neither here nor where it is pulled from"
MIGRATED_VERSION=$version docker compose run --rm --no-deps -T migrate python -m "$PACKAGE.environment" ||
    fail "version $version does not accept the variables in .env"
docker compose up --detach --no-deps --wait database || fail "the database does not start"

if [ -z "$rollback" ]; then
    if [ "$old" ] && [ "$backup" ]; then
        VERSION=$old MIGRATED_VERSION=$(recorded MIGRATED_VERSION) ./backup.sh --kind deploy ||
            fail "there is no backup, and so nothing is migrated"
    fi
    docker compose run --rm --no-deps -T migrate || fail "the migrations failed; ${old:-no version} goes on serving"
    record MIGRATED_VERSION "$version"
fi
if docker compose config --services | grep --quiet --line-regexp static; then
    docker compose run --rm --no-deps -T static || fail "the static files could not be copied"
fi

# Starts an instance of a version, and waits until it is healthy.
start() {
    say "$1: version $2"
    VERSION=$2 docker compose up --detach --no-deps --wait --wait-timeout 120 "$1"
}

replaced=()
put_back() {
    trap '' INT TERM HUP # to stop half-way would leave an instance missing
    if [ -z "$old" ]; then
        fail "version $version does not become healthy"
    fi
    local instance
    for instance in "${replaced[@]}"; do
        start "$instance" "$old" || say "error: version $old does not become healthy either"
    done
    fail "version $version was not brought into use; $old serves"
}
trap put_back INT TERM HUP

for instance in $(docker compose config --services | grep '^web-' | sort); do
    replaced+=("$instance")
    if ! start "$instance" "$version"; then
        say "$instance does not become healthy. The last lines of its log:"
        docker compose logs --no-log-prefix --tail 30 "$instance" >&2
        put_back
    fi
done
trap - INT TERM HUP

if [ "$old" != "$version" ]; then
    record VERSION "$version" PREVIOUS_VERSION "$old"
fi
docker compose up --detach --no-deps --wait --wait-timeout 60 nginx || fail "nginx does not start; see docker compose logs nginx"
say "version $version serves"
