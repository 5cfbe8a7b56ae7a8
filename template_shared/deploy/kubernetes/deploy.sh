#!/usr/bin/env bash
# Deploys a version with kubectl: first the migration, then everything else. A Deployment that fails is rolled back.
# Usage: bash deploy/kubernetes/deploy.sh OVERLAY VERSION, such as production v1.4.0
set -euo pipefail
fail() { echo "deploy.sh: $*" >&2 && exit 1; }
[ $# = 2 ] || fail "usage: bash deploy/kubernetes/deploy.sh OVERLAY VERSION"
cd "$(dirname "$0")/overlays/$1" || fail "there is no overlay $1"
namespace=$(sed -n 's/^namespace: *//p' kustomization.yaml)
kubectl() { command kubectl --namespace "$namespace" "$@"; }
[[ $2 =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*$ && $2 != latest ]] || fail "$2 is not a version"
sed -i "/name: service$/,/newTag:/s/^\( *newTag:\).*/\1 \"$2\"/" kustomization.yaml
manifests=$(mktemp)
trap 'rm -f "$manifests"' EXIT
command kubectl kustomize . >"$manifests"
grep -q "image: .*:$2$" "$manifests" || fail "no image in the overlay has this version: see images in kustomization.yaml"
apply() { kubectl apply --server-side --force-conflicts --filename "$manifests" --selector "$1"; }

# First the parts that do not affect running pods: configuration, policies and the migration.
active=$(kubectl get job migrate --ignore-not-found --output 'jsonpath={.status.active}')
[ "${active:-0}" = 0 ] || fail "a migration is running: wait, or end it with kubectl -n $namespace delete job migrate"
kubectl delete job migrate --ignore-not-found --cascade=foreground
apply 'app.kubernetes.io/component notin (web, {{ "worker, " if has.tasks }}{{ "live, " if has.live }}namespace)'
# The first condition appears when the Job has succeeded or failed.
kubectl wait job/migrate --for=jsonpath='{.status.conditions[0].status}'=True --timeout=65m || true
kubectl logs job/migrate --tail=50 || true
kubectl wait job/migrate --for=condition=complete --timeout=30s ||
    fail "the migration failed; the old version keeps running"

before=$(kubectl get deployment web --ignore-not-found \
    --output 'jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}')
if ! { apply 'app.kubernetes.io/component=web' && kubectl rollout status deployment/web; }; then
    kubectl logs deployment/web --all-pods --tail=20 >&2 || true
    [ -n "$before" ] || fail "the rollout failed, and there is no previous version"
    kubectl rollout undo deployment/web --to-revision="$before"
    kubectl rollout status deployment/web
    fail "the rollout failed; the old version is running"
fi
{%- if has.tasks %}
apply 'app.kubernetes.io/component=worker'
for name in worker scheduler; do kubectl rollout status "deployment/$name" || fail "the $name's rollout failed: kubectl rollout undo"; done
{%- endif %}
{%- if has.live %}
apply 'app.kubernetes.io/component=live'
kubectl rollout status deployment/live || fail "the rollout of live failed: kubectl rollout undo"
{%- endif %}
