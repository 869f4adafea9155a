# shellcheck shell=bash
# What tests/scripts/stack.sh runs the functions with: an AWS-compatible server, and Docker in a network of its own.
# The caller defines `servers`, the folder of provisioned programs, `tools`, SAM's environment, and `fail`.

run=$(mktemp -d)
started=()
# What a command is preceded by that runs in the network of its own, where there is one. An array and no
# function, so that what is started in the background is the program itself.
inside=()
network=

# What began last ends first. Docker needs its time to take its mounts away.
stop() {
    local index pid
    for ((index = ${#started[@]} - 1; index >= 0; index--)); do
        pid=${started[index]}
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
    done
    [ -z "$network" ] || ip netns delete "$network"
    rm -rf "${run:?}"
}
trap stop EXIT
trap 'exit 130' INT TERM

not_here() {
    printf 'tests/scripts/stack.sh: not run: %s\n' "$*" >&2
    exit 77
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# listens HOST PORT: waits until somebody does
listens() {
    local _
    for _ in $(seq 300); do
        ! "${inside[@]}" bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null || return 0
        sleep 0.2
    done
    return 1
}

# start_ministack ADDRESS: on this address; containers reach it by that of Docker's bridge. `as_client` precedes
# what talks to it.
start_ministack() {
    local port
    [ -z "${ministack_url:-}" ] || return 0
    tests/scripts/provision.sh
    port=$(free_port)
    mkdir -p "$run/ministack"
    BIND_HOST=$1 GATEWAY_PORT=$port TMPDIR=$run/ministack "${inside[@]}" "$servers/ministack/bin/ministack" \
        >"$servers/ministack-stack.log" 2>&1 &
    started+=($!)
    ministack_url=http://${1/0.0.0.0/172.17.0.1}:$port
    as_client=("${inside[@]}" env "AWS_ENDPOINT_URL=$ministack_url" AWS_ACCESS_KEY_ID=none
        AWS_SECRET_ACCESS_KEY=none AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1)
    listens 127.0.0.1 "$port" || fail "ministack does not start; see $servers/ministack-stack.log"
}

# Creates the template's table, queues and bucket; variables.json leads the functions there.
resources() {
    "$servers/lint/bin/python" tests/scripts/translate.py template.yaml >"$run/translated.json"
    "${as_client[@]}" "$tools/bin/python" tests/scripts/sam/resources.py "$run/translated.json" >"$run/variables.json"
}

can_have_docker() {
    local program
    [ "$(uname -s)" = Linux ] || not_here "Docker in a network of its own takes Linux"
    [ "$(id -u)" = 0 ] || not_here "only root may start Docker in a network of its own: sudo tests/scripts/stack.sh local"
    for program in dockerd docker containerd iptables ip nsenter unshare; do
        command -v "$program" >/dev/null ||
            not_here "$program is missing; on Debian and Ubuntu: apt-get install docker.io iproute2 util-linux"
    done
}

start_network() {
    network=hookgate-$$
    ip netns add "$network" || not_here "this machine allows no network of its own"
    inside=(nsenter "--net=/run/netns/$network" --)
    "${inside[@]}" ip link set lo up
}

# Nothing of the machine's own Docker is touched, and what this one keeps goes with it, its mounts too.
start_docker() {
    local _
    mkdir "$run/data" "$run/exec"
    "${inside[@]}" unshare --mount dockerd --host "unix://$run/docker.sock" --data-root "$run/data" --exec-root "$run/exec" \
        --pidfile "$run/docker.pid" >"$servers/dockerd.log" 2>&1 &
    started+=($!)
    for _ in $(seq 150); do
        ! docker --host "unix://$run/docker.sock" info >/dev/null 2>&1 || return 0
        sleep 0.2
    done
    fail "dockerd does not start; see $servers/dockerd.log"
}

# import_base_image NAME PROGRAM: an image in the layout of Lambda's, of this machine's own files: what SAM calls
# in it, the libraries of the program, and whom TLS trusts. Lambda's own is only in a registry.
import_base_image() {
    local file root=$run/root
    [ -f /etc/ssl/certs/ca-certificates.crt ] ||
        not_here "the certificates are missing; on Debian and Ubuntu: apt-get install ca-certificates"
    mkdir -p "$root"/{bin,tmp,opt,var/task,var/runtime}
    for file in sh mv chmod cat ls env; do
        cp --dereference "$(command -v "$file")" "$root/bin/$file"
        copy_libraries "$root/bin/$file"
    done
    copy_libraries "$2"
    cp --dereference --parents --target-directory "$root" /etc/ssl/certs/ca-certificates.crt
    tar --directory "$root" --create . | docker --host "unix://$run/docker.sock" import \
        --platform "linux/$(machine | sed s/x86_64/amd64/)" --change 'WORKDIR /var/task' - "$1-$(machine)" >/dev/null
}

copy_libraries() {
    ldd "$1" | grep -o '/[^ ]*' | xargs cp --dereference --parents --target-directory "$run/root"
}
