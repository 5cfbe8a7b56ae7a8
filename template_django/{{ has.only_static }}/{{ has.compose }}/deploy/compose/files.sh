# Static files, for deploy.sh. Backups contain none.
# shellcheck shell=bash

files() {
    case $1 in
    deploy) docker compose run --rm --no-deps -T static ;;
    esac
}
