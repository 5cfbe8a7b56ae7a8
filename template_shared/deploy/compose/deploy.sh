#!/usr/bin/env bash
# Deploys a version, one instance after the other, without losing a request.
#
# Usage: bash deploy.sh [--no-backup] VERSION
#        bash deploy.sh --rollback
#
# VERSION is a tag of the IMAGE in .env; it is pulled unless this machine has it. If anything fails before the
# instances are replaced, the old version keeps running, with the migrations that succeeded. If a new instance does not
# become healthy, all replaced instances return to the old version, and the exit code is 1.
#
# --rollback   returns to the previous version without migrating, with the later version's tables and files in deploy/
# --no-backup  makes no backup before the migrations

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

backup=yes rollback='' version=''
while [ $# -gt 0 ]; do
    case $1 in
    --no-backup) backup='' ;;
    --rollback) rollback=yes ;;
    -*) fail "unknown option $1: see --help" ;;
    *) version=$1 ;;
    esac
    shift
done
lock

old=$(recorded VERSION)
migrated=$(recorded MIGRATED_VERSION)
if [ "$rollback" ]; then
    [ -z "$version" ] || fail "--rollback takes no version: see --help"
    version=$(recorded PREVIOUS_VERSION)
    [ "$version" ] || fail "nothing to roll back after a first or failed deployment or a restore: bash deploy.sh ${old:-VERSION}"
else
    [ "$version" ] || fail "no version given: see --help"
    migrated=$version
fi
[[ $version =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*$ ]] || fail "$version cannot be the tag of an image"
[ "$version" != latest ] || fail "latest is not a version: it cannot be rolled back to"
export VERSION=$version MIGRATED_VERSION=$migrated

file=$(readlink -f .env)
[ -w "$file" ] && [ -w "$(dirname "$file")" ] || fail "$file and its directory must be writable: the version is recorded there"
[ -z "$(find -L .env -perm /o=r)" ] || say "warning: every user of this machine can read the secrets in $PWD/.env"
! grep --quiet "will expire" <(openssl x509 -noout -checkend 604800 -in certificates/fullchain.pem 2>/dev/null) ||
    say "warning: $PWD/certificates/fullchain.pem has expired or will within a week"
# After a checkout with umask 027, the containers' users cannot read these.{{ " PostgreSQL would silently skip its file." if not has.sqlite }}
closed=$(find {{ "database.sql " if not has.sqlite }}../nginx \( ! -perm -o=r -o -type d ! -perm -o=x \) -print -quit)
[ -z "$closed" ] || fail "the containers' users cannot read $closed: chmod -R o+rX {{ "database.sql " if not has.sqlite }}../nginx"

docker compose config --quiet || fail "see .env.example"
list
docker compose pull --quiet --policy missing web-a >&2 || fail "there is no image of version $version, here or in its registry"
MIGRATED_VERSION=$version docker compose run --rm --no-deps -T migrate python -m "$PACKAGE.environment" ||
    fail "version $version does not accept the variables in .env"
printed=$(docker compose run --rm --no-deps -T check-nginx 2>&1) ||
    fail "nginx would not start with the files in deploy/nginx and these variables:"$'\n'"$printed"
{{ '[ -z "${backing[*]}" ] || ' if has.sqlite }}docker compose up --detach --no-deps --wait "${backing[@]}" || fail "not healthy: see docker compose ps ${backing[*]}"
[ -z "$(replaced)" ] || fail "a restore was killed here: see docs/one-machine.md"

if [ -z "$rollback" ]; then
    if [ "$old" ] && [ "$backup" ]; then
        VERSION=$old MIGRATED_VERSION=$(recorded MIGRATED_VERSION) bash backup.sh --kind deploy ||
            fail "the backup failed, so nothing is migrated: check df -h, or continue without one: --no-backup"
    fi
    [ "$old" = "$version" ] || record PREVIOUS_VERSION "" # nothing to roll back until this version is running
    docker compose run --rm --no-deps -T migrate || fail "the migrations failed; ${old:-no version} is running"
    record MIGRATED_VERSION "$version"
fi
files deploy || fail "could not prepare the files"

# nginx sends nothing to an instance with a flag file (pool.conf). It keeps idle connections for 4 seconds, so after 5
# the instance can stop. If the new one does not become healthy, the flag stays. Unchanged containers need no flag.
in_nginx() {
    [ -z "$(docker compose ps --quiet nginx)" ] || whole docker compose exec -T nginx sh -c "$1" ||
        say "warning: nginx is not running"
}
replace() {
    if [[ $1 = web-[ab] ]] && ! docker compose up --dry-run --detach --no-deps "$1" 2>&1 | grep --quiet ' Running$'; then
        in_nginx "mkdir -p /tmp/drain && touch /tmp/drain/${1#web-} && rm -f /tmp/drain/[!${1#web-}] && sleep 5"
    fi
    start "$1" && in_nginx 'rm -rf /tmp/drain'
}

replaced=()
put_back() {
    trap '' INT TERM HUP # stopping halfway would leave an instance missing
    [ "$old" ] || fail "version $version does not run, and there is no previous version"
    [ "$old" != "$version" ] || fail "the deployment is incomplete: see docker compose ps and your changes in .env"
    for service in "${replaced[@]}"; do
        say "$service: version $old"
        VERSION=$old replace "$service" || fail "version $version was not deployed, and $service is not healthy with $old either"
    done
    fail "version $version was not deployed; $old is running"
}
trap put_back INT TERM HUP

for service in "${running[@]}"; do
    replaced=("$service" "${replaced[@]}") # roll back the newest first, because the others are healthy
    say "$service: version $version"
    if ! replace "$service"; then
        say "$service did not become healthy. The end of its log:"
        docker compose logs --no-log-prefix --tail 30 "$service" >&2 || true
        put_back
    fi
done

trap '' INT TERM HUP # the new version is running but not recorded yet
[ "$old" = "$version" ] || record VERSION "$version" PREVIOUS_VERSION "$old"
trap - INT TERM HUP

# Compose recreates nginx if this value changes.
record NGINX_FILES "$(find ../nginx -type f -exec sha256sum {} + | sort | sha256sum | cut -c 1-16)"
start nginx || fail "nginx does not start: see docker compose logs nginx"
say "version $version is running${rollback:+, with the files in deploy/ of version $old: see docs/one-machine.md}"
