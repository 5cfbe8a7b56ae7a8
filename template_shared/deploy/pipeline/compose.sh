#!/bin/sh
# Usage: sh deploy/pipeline/compose.sh VERSION
#
# Deploys a released version over SSH: copies deploy/ to the machine and runs its `deploy.sh` there. Files that exist
# only on the machine (.env, backups) stay. Needs these variables:
#
#   DEPLOY_HOST          user@host, or ssh://user@host:port
#   DEPLOY_KNOWN_HOSTS   its host keys, as `ssh-keyscan -p port host` prints them
#   DEPLOY_SSH_KEY       the private key of that user; both are either the text or the name of a file
#   DEPLOY_DIRECTORY     the parent directory of deploy/, absolute or in the user's home
set -eu

[ $# = 1 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2 && exit 2; }
: "${DEPLOY_HOST:?}" "${DEPLOY_KNOWN_HOSTS:?}" "${DEPLOY_SSH_KEY:?}" "${DEPLOY_DIRECTORY:?}"
case $1$DEPLOY_DIRECTORY in
*[!A-Za-z0-9./_-]*) echo "compose.sh: only letters, digits and ./_- are allowed." >&2 && exit 2 ;;
esac

umask 077 && private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT
content() { if [ -f "$1" ]; then cat "$1"; else printf '%s\n' "$1"; fi; }
content "$DEPLOY_SSH_KEY" >"$private/key"
content "$DEPLOY_KNOWN_HOSTS" >"$private/known_hosts"
on_machine() {
    ssh -i "$private/key" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes \
        -o UserKnownHostsFile="$private/known_hosts" -o ConnectTimeout=10 -o ServerAliveInterval=30 \
        -o ServerAliveCountMax=10 "$DEPLOY_HOST" "$1"
}

cd "$(dirname "$0")/../.."
# Only committed files, owned by that user, with permissions that do not depend on this checkout. nginx reads every file
# in its directories, so those of the previous version go. The directories stay: a running container has mounted them.
git archive --format=tar HEAD deploy | on_machine "umask 022 && mkdir -p '$DEPLOY_DIRECTORY/deploy/compose' &&
    cd '$DEPLOY_DIRECTORY' && exec 9<deploy/compose || exit
    flock --nonblock 9 || { echo 'compose.sh: another script is running there; nothing was changed' >&2 && exit 1; }
    mkdir -p deploy/nginx && rm -rf .new && mkdir .new && tar -x --no-same-owner --no-same-permissions -f - -C .new &&
    find deploy/nginx -type f -delete && cp -R --remove-destination .new/deploy . && rm -rf .new &&
    LOCKED=1 bash deploy/compose/deploy.sh '$1' </dev/null"
