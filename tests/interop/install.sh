#!/bin/bash
# Installs what the interop tests need on Debian; quick when it is there, loud when it cannot be had.
set -euo pipefail
cd "$(dirname "$0")"

packages=(
    kamailio kamailio-websocket-modules kamailio-tls-modules kamailio-outbound-modules
    rtpengine-daemon coturn sip-tester chromium iproute2 iptables util-linux
)
# A Node.js that did not come from Debian will do as well.
command -v node >/dev/null && command -v npm >/dev/null || packages+=(nodejs npm)

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)

missing=()
for package in "${packages[@]}"; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    echo "interop: installing ${missing[*]}"
    # The tests start the servers themselves; as services they would hold the ports.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin /usr/sbin/policy-rc.d
        trap '"${as_root[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends "${missing[@]}" >/dev/null
fi

# The lock file names versions and hashes and no registry.
if ! cmp --silent package-lock.json node_modules/.installed; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/.installed
fi

for program in kamailio rtpengine turnserver sipp chromium ip iptables unshare node; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || { echo "interop: $program is missing" >&2; exit 1; }
done
