#!/bin/sh
set -eu

usage() {
    cat <<'END'
Usage: publish.sh IMAGE VERSION

Builds the image, tries it with smoke.sh, and only then gives it its version in the registry, which you are logged in
to. The image carries its provenance and the list of its packages, which takes a builder of the driver
docker-container. Its digest is all that goes to stdout.

  publish.sh ghcr.io/example/service v1.2.3
END
}

case ${1-} in
-h | --help) usage && exit ;;
esac
[ $# = 2 ] || { usage >&2 && exit 2; }
image=$1 version=$2
here=$(dirname "$0")
metadata=$(mktemp)
trap 'rm -f "$metadata"' EXIT

# By digest: whatever nobody has tried has no name under which a deployment could find it.
docker buildx build --pull --provenance mode=max --sbom true \
    --label "org.opencontainers.image.version=$version" \
    --label "org.opencontainers.image.revision=$(git rev-parse HEAD)" \
    --output "type=image,name=$image,push=true,push-by-digest=true,name-canonical=true" \
    --metadata-file "$metadata" "$here/../.." >&2
digest=$(sed -n 's/.*"containerimage.digest": *"\(sha256:[0-9a-f]*\)".*/\1/p' "$metadata")
[ -n "$digest" ] || { echo "publish.sh: the builder named no digest." >&2 && exit 1; }

"$here/smoke.sh" "$image@$digest" >&2
docker buildx imagetools create --tag "$image:$version" "$image@$digest" >&2
echo "$digest"
