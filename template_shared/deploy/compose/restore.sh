#!/usr/bin/env bash
# Restores a backup of all data. Everything newer is lost.
#
# Usage: bash restore.sh [--yes] BACKUP
#        bash restore.sh [--yes] --undo
#
# BACKUP is a directory that backup.sh created. It is restored and migrated next to the current data before the service
# stops. The current data is deleted when the service is healthy again. If anything fails, or the script is
# interrupted, the current data is put back.
#
# --undo  returns to the data from before a restore that was killed
# --yes   does not ask for confirmation

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
    [ "$backup" ] || fail "no backup given: see --help"
    [[ $backup = /* ]] || backup=$here/$backup
    [ -r "$backup/SHA256SUMS" ] || fail "$backup is not a backup"
    (cd "$backup" && sha256sum --check --quiet SHA256SUMS) || fail "$backup is damaged"
    question="Everything newer than $(basename "$backup") will be lost."
fi
version=$(recorded VERSION)
[ "$version" ] || fail "no version is recorded in .env: deploy one first"
export MIGRATED_VERSION=$version # after a rollback, the last version that migrated is newer than this one
if [ -z "$yes" ]; then
    [ -t 0 ] || fail "there is no terminal to ask for confirmation: use --yes"
    read -rp "$question Type 'restore' to continue: " answer
    [ "$answer" = restore ] || fail "nothing was changed"
fi
lock
list

{% block steps -%}
# The old database is called ${PACKAGE}_replaced and the new one ${PACKAGE}_restored.
# As long as the database ${PACKAGE}_replaced exists, the restore is not finished and can be undone.

# Renames the service's database to $2, and the database $1 to the service's. No connection survives.
rename() {
    query "ALTER DATABASE \"$PACKAGE\" ALLOW_CONNECTIONS false;
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('$PACKAGE', '$1');
        BEGIN;
        ALTER DATABASE \"$PACKAGE\" RENAME TO \"$2\";
        ALTER DATABASE \"$1\" RENAME TO \"$PACKAGE\";
        ALTER DATABASE \"$2\" ALLOW_CONNECTIONS true;
        ALTER DATABASE \"$PACKAGE\" ALLOW_CONNECTIONS true;
        COMMIT" >/dev/null
}

put_back() {
    local found; found=$(replaced) || return
    if [ "$found" ]; then
        whole docker compose --progress quiet stop "${running[@]}" || return
        files put_back || return
        rename "${PACKAGE}_replaced" "${PACKAGE}_restored" || return
    fi
    query "ALTER DATABASE \"$PACKAGE\" ALLOW_CONNECTIONS true;
        DROP DATABASE IF EXISTS \"${PACKAGE}_restored\" WITH (FORCE)" || return
    files clear
}
{%- endblock %}

stopped=''
undo() {
    local code=$?
    trap '' INT TERM HUP && trap - EXIT
    put_back || fail "the old data could not be fully put back: bash restore.sh --undo tries again"
    [ -z "$stopped" ] || start "${running[@]}" || fail "the old data is back, but the service is not healthy"
    say "error: nothing was restored; the old data is still there"
    exit "$((code ? code : 1))"
}

{{ '[ -z "${backing[*]}" ] || ' if has.sqlite }}docker compose --progress quiet up --detach --no-deps --wait "${backing[@]}"
found=$(replaced)
if [ "$undo" ]; then
    put_back || fail "the old data could not be fully put back"
    start "${running[@]}" || fail "the old data is back, but the service is not healthy"
    [ "$found" ] || fail "there is nothing to undo; leftovers of a restore are removed"
    say "the data from before the restore is back"
    exit
fi
if [ "$found" ] || ! files check; then fail "a restore was killed here: see docs/one-machine.md"; fi
{% block kind -%}
grep --quiet "dbname: $PACKAGE\$" < <(docker compose exec -T database pg_restore --list <"$backup/database.dump") ||
    fail "$backup is not a backup of $PACKAGE"
{% endblock -%}
trap undo EXIT
trap 'exit 1' INT TERM HUP

say "Restoring next to the current data ..."
{% block restore -%}
query "DROP DATABASE IF EXISTS \"${PACKAGE}_restored\" WITH (FORCE); CREATE DATABASE \"${PACKAGE}_restored\" OWNER \"$PACKAGE\""
docker compose exec -T database pg_restore --username=postgres --dbname="${PACKAGE}_restored" --exit-on-error \
    --single-transaction <"$backup/database.dump"
DATABASE_URL=postgresql://$PACKAGE:$(recorded DATABASE_PASSWORD)@database:5432/${PACKAGE}_restored \
    docker compose run --rm --no-deps -T --env DATABASE_URL migrate
# A dump of PostgreSQL 17 contains no statistics.
docker compose exec -T database vacuumdb --username=postgres --analyze-only --quiet "${PACKAGE}_restored"
{% endblock -%}
files restore "$backup"

say "Swapping the old and the restored data ..."
stopped=yes
whole docker compose --progress quiet stop "${running[@]}"
{% block exchange -%}
rename "${PACKAGE}_restored" "${PACKAGE}_replaced"
{% endblock -%}
files exchange
start "${running[@]}"

trap '' INT TERM HUP && trap - EXIT
{% block clear -%}
query "DROP DATABASE \"${PACKAGE}_replaced\" WITH (FORCE)" || fail "restored, but the database ${PACKAGE}_replaced is left"
{% endblock -%}
files clear || fail "restored, but the old files could not be deleted: see docs/one-machine.md"
record MIGRATED_VERSION "$version" PREVIOUS_VERSION ""
say "restored: $(basename "$backup")"
