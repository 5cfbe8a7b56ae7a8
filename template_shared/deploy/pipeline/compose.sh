#!/bin/sh
set -eu

usage() {
    cat <<'END'
Usage: compose.sh VERSION

Deploys a released version on the machine of an environment, over SSH: copies deploy/ there, and lets
deploy/compose/deploy.sh do the rest. What is only there (.env, backups) stays as it is. In the environment:

  DEPLOY_HOST          the machine: user@host, or ssh://user@host:port
  DEPLOY_KNOWN_HOSTS   its host keys, as `ssh-keyscan -p port host` prints them; no other machine is talked to
  DEPLOY_SSH_KEY       the private key of that user; both are either the text or the name of a file
  DEPLOY_DIRECTORY     where deploy/ goes, in the user's home unless absolute
END
}

case ${1-} in
-h | --help) usage && exit ;;
esac
[ $# = 1 ] || { usage >&2 && exit 2; }
: "${DEPLOY_HOST:?}" "${DEPLOY_KNOWN_HOSTS:?}" "${DEPLOY_SSH_KEY:?}" "${DEPLOY_DIRECTORY:?}"
case $1$DEPLOY_DIRECTORY in
*[!A-Za-z0-9./_-]*) echo "compose.sh: only letters, digits, and ./_- are expected." >&2 && exit 2 ;;
esac

private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT
umask 077
content() { if [ -f "$1" ]; then cat "$1"; else printf '%s\n' "$1"; fi; }
content "$DEPLOY_SSH_KEY" >"$private/key"
content "$DEPLOY_KNOWN_HOSTS" >"$private/known_hosts"

on_machine() {
    ssh -i "$private/key" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes \
        -o UserKnownHostsFile="$private/known_hosts" -o ConnectTimeout=10 -o ServerAliveInterval=30 \
        -o ServerAliveCountMax=10 "$DEPLOY_HOST" "$1"
}

cd "$(dirname "$0")/../.."
# What is committed: somebody who tried the stack in this checkout has a .env, backups and certificates of their own.
# With that user as the owner, and for others to read, whatever the checkout looks like.
git archive --format=tar HEAD deploy | on_machine "umask 022 && mkdir -p '$DEPLOY_DIRECTORY' &&
    tar -x --no-same-owner --no-same-permissions -f - -C '$DEPLOY_DIRECTORY'"
on_machine "cd '$DEPLOY_DIRECTORY' && deploy/compose/deploy.sh '$1'"
