#!/usr/bin/env bash
# Puts the database and the media back to what a backup holds. What came after it is lost.
#
# Usage: restore.sh [--yes] BACKUP
#        restore.sh [--yes] --undo
#
# BACKUP is a directory that backup.sh made. The service stops only when all of the backup is back, beside what
# is there now, and with the tables of the version that serves; what was there before is thrown away when the
# service is healthy, and returns if it does not become so, or if the script is interrupted.
#
# --undo  what was there before returns, after a restore that could not do so itself because it was killed
# --yes   does not ask first

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

yes='' undo='' backup=''
while [ $# -gt 0 ]; do
    case $1 in
    --yes) yes=yes ;;
    --undo) undo=yes ;;
    -*) fail "unknown option $1: see --help" ;;
    *) backup=$1 ;;
    esac
    shift
done
if [ "$undo" ]; then
    question="Everything since the restore will be lost."
else
    [ "$backup" ] || fail "which backup? See --help"
    [[ $backup = /* ]] || backup=$here/$backup
    [ -r "$backup/SHA256SUMS" ] || fail "$backup is no backup"
    (cd "$backup" && sha256sum --check --quiet SHA256SUMS) || fail "$backup is damaged"
    question="Everything after $(basename "$backup") will be lost."
fi
version=$(recorded VERSION)
[ "$version" ] || fail "no version is recorded in .env: deploy one first"
export MIGRATED_VERSION=$version # not the last that migrated, which after a rollback is newer
if [ -z "$yes" ]; then
    [ -t 0 ] || fail "--yes is missing, and there is nobody to ask"
    read -rp "$question Type 'restore' to go on: " answer
    [ "$answer" = restore ] || fail "nothing was changed"
fi
lock
list

# What it was is _replaced, what it is to be _restored: databases beside that of the service, and directories in
# /srv/media. The database comes first on the way there, and last on the way back: while there is one that is
# _replaced, and only then, the media may have to be put back. Each of these steps may end anywhere.
name=$PACKAGE
replaced() { query "SELECT datname FROM pg_database WHERE datname = '${name}_replaced'"; }

# Lets the database $1 be the service's, and what was it be $2. Nobody can be connected meanwhile.
rename() {
    query "ALTER DATABASE \"$name\" ALLOW_CONNECTIONS false;
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('$name', '$1');
        BEGIN;
        ALTER DATABASE \"$name\" RENAME TO \"$2\";
        ALTER DATABASE \"$1\" RENAME TO \"$name\";
        ALTER DATABASE \"$2\" ALLOW_CONNECTIONS true;
        ALTER DATABASE \"$name\" ALLOW_CONNECTIONS true;
        COMMIT" >/dev/null
}

media() {
    whole docker compose run --rm --no-deps -T migrate sh -euc "cd /srv/media
        those() { find . -mindepth 1 -maxdepth 1 ! -name .restored ! -name .replacing ! -name .replaced \"\$@\"; }
        $1"
}
exchange='mkdir .replacing
    those -exec mv -t .replacing {} +
    mv .replacing .replaced # all of it
    find .restored -mindepth 1 -maxdepth 1 -exec mv -t . {} +'
return='if [ -d .replaced ]; then
        those -exec rm -rf {} +
        mv .replaced .replacing
    fi
    if [ -d .replacing ]; then
        find .replacing -mindepth 1 -maxdepth 1 -exec mv -t . {} +
    fi'

put_back() {
    local found
    found=$(replaced) || return
    if [ "$found" ]; then
        whole docker compose --progress quiet stop "${running[@]}" || return
        media "$return" || return
        rename "${name}_replaced" "${name}_restored" || return
    fi
    query "ALTER DATABASE \"$name\" ALLOW_CONNECTIONS true;
        DROP DATABASE IF EXISTS \"${name}_restored\" WITH (FORCE)" || return
    media 'rm -rf .restored .replacing .replaced'
}

stopped=''
undo() {
    local code=$?
    trap '' INT TERM HUP
    trap - EXIT
    put_back || fail "what was there before is not all back: restore.sh --undo tries again"
    [ -z "$stopped" ] || start "${running[@]}" || fail "what was there before is back, but not healthy"
    say "error: nothing was restored; what was there before is there still"
    exit "$((code ? code : 1))"
}

docker compose --progress quiet up --detach --no-deps --wait database
found=$(replaced)
if [ "$undo" ]; then
    put_back || fail "what was there before is not all back"
    start "${running[@]}" || fail "what was there before is back, but not healthy"
    [ "$found" ] || fail "there is nothing to put back; what a restore left is removed"
    say "what was there before the restore is back"
    exit
fi
[ -z "$found" ] || fail "a restore was killed here: see docs/one-machine.md"
media '[ ! -e .replacing ]; [ ! -e .replaced ]' || fail "a restore was killed here: see docs/one-machine.md"
trap undo EXIT
trap 'exit 1' INT TERM HUP

say "Bringing it back beside what is there ..."
query "DROP DATABASE IF EXISTS \"${name}_restored\" WITH (FORCE)"
query "CREATE DATABASE \"${name}_restored\" OWNER \"$name\""
docker compose exec -T database pg_restore --username=postgres --dbname="${name}_restored" --exit-on-error \
    --single-transaction <"$backup/database.dump"
docker compose run --rm --no-deps -T migrate sh -c \
    "DATABASE_URL=\${DATABASE_URL}_restored exec python -m $PACKAGE.core.migrate"
# A dump of PostgreSQL 17 has no statistics.
docker compose exec -T database vacuumdb --username=postgres --analyze-only --quiet "${name}_restored"
docker compose run --rm --no-deps -T migrate sh -euc \
    'cd /srv/media; rm -rf .restored; mkdir .restored; tar --directory=.restored --extract' <"$backup/media.tar"

say "Exchanging the two ..."
stopped=yes
whole docker compose --progress quiet stop "${running[@]}"
rename "${name}_restored" "${name}_replaced"
media "$exchange"
start "${running[@]}"

trap '' INT TERM HUP
trap - EXIT
query "DROP DATABASE \"${name}_replaced\" WITH (FORCE)" ||
    fail "it is restored, but the database ${name}_replaced is left"
media 'rm -rf .restored .replaced' || fail "it is restored, but /srv/media/.replaced is left"
record MIGRATED_VERSION "$version" PREVIOUS_VERSION ""
say "restored: $(basename "$backup")"
