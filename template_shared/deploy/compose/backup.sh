#!/usr/bin/env bash
# Makes a backup of the database and of the media, and prints where it is.
#
# Usage: backup.sh [--kind NAME]
#
# A backup is a directory in $BACKUPS, which appears there only when it is whole and was read again.
# Of each kind, the newest $BACKUPS_KEPT are kept. Both variables stand in .env.
#
# --kind NAME  deploy.sh makes those of the kind "deploy"; others are of the kind "scheduled"

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

kind=scheduled
if [ "${1:-}" = --kind ]; then
    kind=${2:-}
    shift "$(($# > 1 ? 2 : 1))"
fi
[ $# = 0 ] || fail "unknown option $1: see --help"
[[ $kind =~ ^[a-z]+$ ]] || fail "the kind is a word in lower case"
kept=$(recorded BACKUPS_KEPT)
[[ ${kept:=14} =~ ^[1-9][0-9]*$ ]] || fail "BACKUPS_KEPT in .env: a number from 1"
directory=$(recorded BACKUPS)
[[ ${directory:=./backups} != *[[:space:]\'\"\#\$~]* ]] ||
    fail "BACKUPS in .env: a path without quotes, spaces, #, $ and ~"
lock

mkdir -p "$directory"
directory=$(realpath "$directory")
rm -rf "$directory"/.unfinished-* # left by a power cut
unfinished=$(mktemp --directory "$directory/.unfinished-XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
trap 'exit 1' INT TERM HUP

docker compose exec -T database pg_dump --username=postgres --format=custom "$PACKAGE" >"$unfinished/database.dump"
# tar ends with 1 if a file changed while it was read, as one that is being uploaded does.
docker compose run --rm --no-deps -T migrate sh -c \
    'tar --directory=/srv/media --exclude=./.restored --exclude=./.replac* --create . || [ $? = 1 ]' \
    >"$unfinished/media.tar"

# Read again, all of it.
docker compose exec -T database pg_restore --file=/dev/null <"$unfinished/database.dump"
tar --list --file="$unfinished/media.tar" >/dev/null
(cd "$unfinished" && sha256sum database.dump media.tar >SHA256SUMS)
sync "$unfinished"/*

finished=$directory/$(date --utc +%Y%m%dT%H%M%SZ)-$kind
mv --no-target-directory "$unfinished" "$finished"
printf '%s\n' "$finished"

find "$directory" -maxdepth 1 -type d -name "*Z-$kind" | sort --reverse | tail --lines="+$((kept + 1))" |
    while read -r backup; do rm -rf "$backup"; done
