#!/bin/bash
# Creates a database before the first start of the server, like the entry point of the PostgreSQL image.
set -euo pipefail

# Prints the value of a variable, or the content of the file that the variable with the suffix _FILE names.
value_of() {
    local file=${1}_FILE
    if [ -n "${!file:-}" ]; then cat "${!file}"; else printf '%s' "${!1:-}"; fi
}

[ "${1:0:1}" = - ] && set -- postgres "$@"
[ "$1" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres {} +
    exec gosu postgres "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    password=$(value_of POSTGRES_PASSWORD)
    user=$(value_of POSTGRES_USER)
    user=${user:-postgres}
    database=$(value_of POSTGRES_DB)
    database=${database:-$user}
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "$password" ] && [ "$method" != trust ]; then
        echo "Error: Database is uninitialized and superuser password is not specified." >&2
        exit 1
    fi
    # shellcheck disable=SC2086 # one option per word
    initdb --username="$user" --pwfile=<(printf '%s\n' "$password") ${POSTGRES_INITDB_ARGS:-}
    printf 'host all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-c listen_addresses='' -p 5432" start
    if [ "$database" != postgres ]; then
        psql --username="$user" --dbname=postgres --no-psqlrc --set=name="$database" <<<'CREATE DATABASE :"name";'
    fi
    export PGUSER=$user PGDATABASE=$database
    for file in /docker-entrypoint-initdb.d/*; do
        # shellcheck disable=SC1090 # a script of the user
        case $file in
        *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
        *.sql) psql --no-psqlrc --set=ON_ERROR_STOP=1 --file="$file" ;;
        *.sql.gz) gunzip --stdout "$file" | psql --no-psqlrc --set=ON_ERROR_STOP=1 ;;
        esac
    done
    unset PGUSER PGDATABASE
    pg_ctl --wait --mode=fast stop
fi
exec "$@"
