#!/usr/bin/env bash
# Puts the database and the media back to what a backup holds. What came after it is lost.
#
# Usage: restore.sh [--yes] BACKUP
#
# BACKUP is a directory that backup.sh made. The service stops only when all of the backup is back, beside what
# is there now, and with the tables of the current version; that is thrown away when the service is healthy, and
# returns if it does not become so.
#
# --yes  does not ask first

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

yes='' backup=''
while [ $# -gt 0 ]; do
    case $1 in
    --yes) yes=yes ;;
    -*) fail "unknown option $1: see --help" ;;
    *) backup=$1 ;;
    esac
    shift
done
[ "$backup" ] || fail "which backup? See --help"
[[ $backup = /* ]] || backup=$here/$backup
[ -r "$backup/SHA256SUMS" ] || fail "$backup is no backup"
(cd "$backup" && sha256sum --check --quiet SHA256SUMS) || fail "$backup is damaged"
[ "$(recorded VERSION)" ] || fail "no version is recorded in .env: deploy one first"
if [ -z "$yes" ]; then
    [ -t 0 ] || fail "--yes is missing, and there is nobody to ask"
    read -rp "Everything after $(basename "$backup") will be lost. Type 'restore' to go on: " answer
    [ "$answer" = restore ] || fail "nothing was changed"
fi
lock


name=$PACKAGE
mapfile -t instances < <(docker compose config --services | grep '^web-')
media() { docker compose run --rm --no-deps -T migrate sh -euc "cd /srv/media; $1"; }

# Lets what is named $1 be the data, and what was it be named $2. Connections of others are in the way, and end.
swap() {
    query "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$name'" >/dev/null
    query "BEGIN; ALTER DATABASE $name RENAME TO ${name}_$2; ALTER DATABASE ${name}_$1 RENAME TO $name; COMMIT"
    media "mkdir .$2; find . -mindepth 1 -maxdepth 1 ! -name .$1 ! -name .$2 -exec mv -t .$2 {} +
        find .$1 -mindepth 1 -maxdepth 1 -exec mv -t . {} +; rmdir .$1"
}

remove() {
    query "DROP DATABASE IF EXISTS ${name}_$1 WITH (FORCE)"
    media "rm -rf .$1"
}

stopped='' swapped=''
undo() {
    local code=$?
    trap '' INT TERM HUP
    set +e
    if [ "$swapped" ]; then
        docker compose stop "${instances[@]}"
        swap replaced restored || fail "what was there before is in the database ${name}_replaced and in /srv/media/.replaced"
    fi
    remove restored
    [ -z "$stopped" ] || docker compose up --detach --no-deps --wait --wait-timeout 120 "${instances[@]}"
    say "error: nothing was restored; what was there before is there still"
    exit "$((code ? code : 1))"
}

docker compose up --detach --no-deps --wait database
[ -z "$(query "SELECT 1 FROM pg_database WHERE datname = '${name}_replaced'")" ] ||
    fail "the database ${name}_replaced is left of a restore that was killed: see docs/one-machine.md"
trap undo EXIT
trap 'exit 1' INT TERM HUP

say "Bringing it back beside what is there ..."
remove restored
query "CREATE DATABASE ${name}_restored"
docker compose exec -T database pg_restore --username="$name" --dbname="${name}_restored" --no-owner \
    --exit-on-error --single-transaction <"$backup/database.dump"
docker compose run --rm --no-deps -T migrate sh -c \
    "DATABASE_URL=\${DATABASE_URL}_restored exec python -m $PACKAGE.core.migrate"
docker compose run --rm --no-deps -T migrate sh -euc \
    'cd /srv/media; mkdir .restored; tar --directory=.restored --extract' <"$backup/media.tar"

say "Exchanging the two ..."
stopped=yes
docker compose stop "${instances[@]}"
swap restored replaced
swapped=yes
docker compose up --detach --no-deps --wait --wait-timeout 120 "${instances[@]}"

trap - EXIT
remove replaced
say "restored: $(basename "$backup")"
