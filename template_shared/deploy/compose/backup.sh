#!/usr/bin/env bash
# Makes a backup of all data, and prints its directory.
#
# Usage: bash backup.sh [--kind NAME]
#
# A backup is a directory in $BACKUPS/PROJECT, which appears only once it is complete and verified. The newest
# $BACKUPS_KEPT of each kind are kept. Both variables are set in .env; PROJECT is Compose's name of this project.
#
# --kind NAME  deploy.sh uses "deploy"; the default is "scheduled"

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

[ $# = 0 ] || [ "$# $1" = "2 --kind" ] || fail "unknown option $1: see --help"
kind=${2:-scheduled}
[[ $kind =~ ^[a-z]+$ ]] || fail "--kind takes lower-case letters only"
kept=$(recorded BACKUPS_KEPT) directory=$(recorded BACKUPS)
[[ ${kept:=14} =~ ^[1-9][0-9]*$ ]] || fail "BACKUPS_KEPT in .env must be 1 or more"
[[ ${directory:=./backups} != *[[:space:]\'\"\#\$~]* ]] ||
    fail "BACKUPS in .env must be a path without quotes, spaces, #, $ and ~"
lock
[ -z "$(replaced)" ] || fail "a restore was killed here: see docs/one-machine.md"

project=$(docker compose config | sed -n 's/^name: //p') # other services may share $BACKUPS
directory=$(mkdir -p "$directory/$project" && realpath "$directory/$project")
rm -rf "$directory"/.unfinished-* # left by a power cut
unfinished=$(mktemp --directory "$directory/.unfinished-XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
trap 'exit 1' INT TERM HUP

{% block dump -%}
docker compose exec -T database pg_dump --username=postgres --format=custom "$PACKAGE" >"$unfinished/database.dump"
docker compose exec -T database pg_restore --file=/dev/null <"$unfinished/database.dump"
{% endblock -%}
files backup "$unfinished"
(cd "$unfinished" && sha256sum -- * >SHA256SUMS)
sync "$unfinished"/*

finished=$directory/$(sleep 1 && date --utc +%Y%m%dT%H%M%SZ)-$kind # wait a second, so that no two backups have the same name
mv --no-target-directory "$unfinished" "$finished"
printf '%s\n' "$finished"

find "$directory" -maxdepth 1 -type d -name "*Z-$kind" | sort --reverse | tail --lines="+$((kept + 1))" |
    while read -r backup; do rm -rf "$backup"; done
