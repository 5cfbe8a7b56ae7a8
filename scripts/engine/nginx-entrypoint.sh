#!/bin/sh
# Fills in templates before the server starts, like the entry point of the nginx image.
set -eu

templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
suffix=${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}
output=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}
filter=${NGINX_ENVSUBST_FILTER:-}

if [ "${1:-}" = nginx ] && [ -d "$templates" ]; then
    # Replace only existing variables that match the filter: nginx has its own.
    variables=$(awk -v filter="$filter" 'BEGIN { for (name in ENVIRON) if (name ~ filter) printf "${%s} ", name }')
    find "$templates" -follow -type f -name "*$suffix" | while read -r template; do
        name=${template#"$templates/"}
        mkdir -p "$output/$(dirname "$name")"
        envsubst "$variables" <"$template" >"$output/${name%"$suffix"}"
    done
fi
exec "$@"
