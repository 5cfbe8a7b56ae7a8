#!/usr/bin/env bash
# Runs a container engine for the tests on a Debian machine without one. Needs root, and access to a Debian mirror.
#
#     scripts/engine.sh start [DIR [option of dockerd ...]]   print the variables that `docker` needs to reach it
#     scripts/engine.sh stop [DIR]                            stop it, but keep its data for the next start
#
# The engine, with buildx and Compose, comes from the Debian release after bookworm. It is unpacked into DIR, not
# installed. Images from a registry are replaced by images made from packages of that release: see scripts/engine/.
set -euo pipefail

NEXT=trixie
PYTHON=python:3.13-slim-bookworm NGINX=nginx:1.30-alpine POSTGRES=postgres:17-alpine REDIS=redis:8.2-alpine

action=${1:-help} directory=${2:-/var/lib/groundplan-engine}
shift $(($# < 2 ? $# : 2))
here=$(cd "$(dirname "$0")/engine" && pwd)
export DOCKER_HOST=unix://$directory/socket DOCKER_CONFIG=$directory/config PATH=$directory/bin:$PATH

say() { printf '[%3ss] %s\n' "$SECONDS" "$*" >&2; }

# Runs a step until its first error, and shows its output only if it fails.
quiet() {
    local log=$directory/$1.log code
    shift
    set +e # in a condition, errors would not end the step
    (set -e && "$@") >"$log" 2>&1
    code=$?
    set -e
    [ "$code" = 0 ] || { tail -n 30 "$log" >&2; return "$code"; }
}

install_packages() {
    local command missing=()
    for command in dockerd:docker.io mmdebstrap:mmdebstrap iptables:iptables; do
        command -v "${command%%:*}" >/dev/null || missing+=("${command##*:}")
    done
    [ ${#missing[@]} = 0 ] && return
    apt-get update --quiet
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends "${missing[@]}"
}

# Prints the first mirror of this machine's release.
mirror() {
    # shellcheck disable=SC1091,SC2016 # the file exists only on the machine; apt replaces the variables
    apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
        awk -v release="$(. /etc/os-release && echo "$VERSION_CODENAME")" '$2 == release { print $1; exit }'
}

unpack_engine() {
    local work=$directory/packages package
    rm -rf "$work"
    mkdir -p "$work"/{lists/partial,cache/archives/partial,root} "$directory"/{bin,config/cli-plugins}
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $NEXT main" >"$work/sources.list"
    local options=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o Dir::State::status=/dev/null
        -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update --quiet
    # Use the runc of this machine's release, because the newer one needs a newer C library.
    (cd "$work" && apt-get "${options[@]}" download docker.io docker-cli containerd docker-buildx docker-compose)
    for package in "$work"/*.deb; do dpkg --extract "$package" "$work/root"; done
    mv "$work"/root/usr/libexec/docker/cli-plugins/docker-{buildx,compose} "$directory/config/cli-plugins/"
    mv "$work"/root/usr/bin/{docker,containerd,containerd-shim-runc-v2} "$work"/root/usr/sbin/docker-proxy "$directory/bin/"
    mv "$work"/root/usr/sbin/dockerd "$directory/bin/" # last, because its existence means that everything is complete
    rm -rf "$work"
}

start_daemon() {
    # Containers that publish a port without an address publish it only on this machine.
    setsid "$directory/bin/dockerd" --host "$DOCKER_HOST" --data-root "$directory/data" --exec-root "$directory/exec" \
        --pidfile "$directory/pid" --ip 127.0.0.1 --log-level warn "$@" >"$directory/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 120); do
        docker version >/dev/null 2>&1 && return
        sleep 0.25
    done
    tail -n 30 "$directory/dockerd.log" >&2
    return 1
}

# Makes a root file system from packages, with this machine's CA certificates, as the base for the images.
make_root() {
    # shellcheck disable=SC2016 # mmdebstrap sets $1
    mmdebstrap --variant=minbase --include=ca-certificates,python3,python3-pip \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --customize-hook='cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"' \
        "$NEXT" "$directory/root.new.tar" "$(mirror)"
    mv "$directory/root.new.tar" "$directory/root.tar"
}

make_images() {
    docker import "$directory/root.tar" groundplan-root
    docker buildx build --load --target python --tag "$PYTHON" "$here"
    docker buildx build --load --target nginx --tag "$NGINX" "$here"
    docker buildx build --load --target postgres --tag "$POSTGRES" "$here"
    docker buildx build --load --target redis --tag "$REDIS" "$here"
    touch "$directory/images"
    rm "$directory/root.tar"
}

start() {
    local jobs=() job
    mkdir -p "$directory"
    quiet install install_packages
    say "installed Debian packages"
    if [ ! -e "$directory/bin/dockerd" ]; then
        quiet unpack unpack_engine &
        jobs+=($!)
    fi
    if [ ! -e "$directory/images" ] && [ ! -e "$directory/root.tar" ]; then
        quiet root make_root &
        jobs+=($!)
    fi
    for job in "${jobs[@]}"; do wait "$job"; done
    say "prepared the engine and a root file system"
    docker version >/dev/null 2>&1 || start_daemon "$@"
    say "started the engine: $(docker version --format '{{.Server.Version}}')"
    [ -e "$directory/images" ] || quiet images make_images
    say "prepared images: $PYTHON, $NGINX, $POSTGRES, $REDIS"
    # shellcheck disable=SC2016 # PATH is expanded by the shell that evaluates this
    printf 'export DOCKER_HOST=%q DOCKER_CONFIG=%q PATH=%q:"$PATH" GROUNDPLAN_ENGINE=required\n' \
        "$DOCKER_HOST" "$DOCKER_CONFIG" "$directory/bin"
}

stop() {
    local pid
    [ -e "$directory/pid" ] || return 0
    pid=$(cat "$directory/pid")
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] || return 0 # dockerd has already ended, and another process has its id
    kill "$pid"
    tail --pid="$pid" --follow /dev/null # wait until it has ended
}

case $action in
start | stop) "$action" "$@" ;;
*) sed -n '4,5s/^# *//p' "$0" >&2; exit 2 ;;
esac
