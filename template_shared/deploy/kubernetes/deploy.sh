#!/usr/bin/env bash
# Deploys a version to the cluster and with the rights that kubectl has: first the migrations, and only where these
# succeed the rest. A rollout that does not succeed is taken back.
#
#   deploy.sh OVERLAY VERSION       such as: deploy.sh production v1.4.0 (or sha256:…, the image's digest)
#   deploy.sh OVERLAY --rollback    back to what ran before, without migrations
set -euo pipefail

fail() {
    echo "deploy.sh: $*" >&2
    exit 1
}

[ $# = 2 ] || fail "usage: deploy.sh OVERLAY VERSION, or deploy.sh OVERLAY --rollback"
overlay=$(dirname "$0")/overlays/$1
version=$2
[ -f "$overlay/kustomization.yaml" ] || fail "there is no $overlay/kustomization.yaml"
namespace=$(sed -n 's/^namespace: *//p' "$overlay/kustomization.yaml")

in_namespace() {
    kubectl --namespace "$namespace" "$@"
}

# Asks once more where the cluster does not answer: for half a minute, it may be replacing its own servers.
ask() {
    for _ in {1..15}; do
        in_namespace get "$@" && return
        sleep 2
    done
    fail "the cluster does not answer: look there what became of the migration, before the next attempt"
}

roll_back() {
    in_namespace rollout undo deployment/web "$@" && in_namespace rollout status deployment/web
}

if [ "$version" = --rollback ]; then
    roll_back || fail "the rollback did not succeed either"
    exit
fi

# The overlay with this version in place of its own.
case $version in
    latest) fail "latest is no version: it names another image tomorrow" ;;
    *[!A-Za-z0-9._:-]*) fail "$version is no version" ;;
    sha256:*) version=@$version ;;
    *) version=:$version ;;
esac
manifests=$(mktemp)
trap 'rm -f "$manifests"' EXIT
image=$(tr -d "\"'" <"$overlay/kustomization.yaml" \
    | awk '$1 == "-" { ours = $2 == "name:" && $3 == "service" } ours && $1 == "newName:" { print $2 }')
kubectl kustomize "$overlay" | sed "s|\( image: $image\)[:@].*|\1$version|" >"$manifests"
grep -q " image: $image$version\$" "$manifests" || fail "no container of $overlay has the image $image"

# What is not the server's (configuration, policies, the migration) comes first, and does not touch what runs. The
# namespace is there: an administrator has made it.
# What the manifests say counts, whatever a rollback or a person has changed meanwhile. What they no longer say goes,
# unless one of these has written it too.
apply() {
    kubectl apply --server-side --force-conflicts --filename "$manifests" --selector "$1"
}

active=$(in_namespace get job migrate --ignore-not-found --output 'jsonpath={.status.active}')
[ "${active:-0}" = 0 ] || fail "a migration is running: wait for it, or end it with: kubectl -n $namespace delete job migrate"
in_namespace delete job migrate --ignore-not-found --cascade=foreground # with its pod
apply 'app.kubernetes.io/component!=web,app.kubernetes.io/component!=namespace'

give_up() {
    in_namespace logs job/migrate --tail=50 >&2 || true
    fail "the migration did not succeed ($1); what ran before runs on"
}

unscheduled='jsonpath={.items[*].status.conditions[?(@.reason=="Unschedulable")].message}'
told=
while true; do
    conditions=$(ask job migrate --output 'jsonpath={.status.conditions[?(@.status=="True")].type}')
    case " $conditions " in
        *" Complete "*) break ;;
        *" Failed "*) give_up "$(ask job migrate --output 'jsonpath={.status.conditions[*].message}')" ;;
    esac
    # These do not pass by themselves, though Kubernetes would try on until the Job's deadline.
    waiting=$(ask pods --selector batch.kubernetes.io/job-name=migrate \
        --output 'jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}')
    case $waiting in
        *ImagePullBackOff* | *InvalidImageName* | *CreateContainerConfigError*)
            in_namespace describe pods --selector batch.kubernetes.io/job-name=migrate >&2 || true
            in_namespace delete job migrate --cascade=foreground
            fail "the migration could not start ($waiting); what ran before runs on"
            ;;
    esac
    # This one may pass: a node comes, or has room again.
    why=$(ask pods --selector batch.kubernetes.io/job-name=migrate --output "$unscheduled")
    if [ -n "$why" ] && [ "$why" != "$told" ]; then
        echo "deploy.sh: the migration waits for a node: $why" >&2
        told=$why
    fi
    sleep 1
done
in_namespace logs job/migrate || true

# Not every attempt makes a revision, so that the one before the last may be older than what runs now.
before=$(in_namespace get deployment web --ignore-not-found \
    --output 'jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}')
if ! { apply 'app.kubernetes.io/component=web' && in_namespace rollout status deployment/web; }; then
    in_namespace get pods --selector app.kubernetes.io/component=web >&2 || true
    in_namespace get pods --selector app.kubernetes.io/component=web --output "$unscheduled" >&2 || true
    in_namespace logs deployment/web --all-pods --tail=20 >&2 || true
    [ -n "$before" ] || fail "the rollout did not succeed, and there is nothing to go back to"
    roll_back --to-revision="$before" || fail "the rollout did not succeed, and taking it back did not either"
    fail "the rollout did not succeed; what ran before runs again"
fi
