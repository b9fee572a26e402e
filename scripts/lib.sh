# Shared by the scripts of this folder; sourced, never run. Sets top to the checkout.
# shellcheck shell=bash

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034 # used by those who source this
build=$top/build

# Go is often unpacked to /usr/local/go without a word in PATH (sudo resets PATH too).
if ! command -v go >/dev/null && [ -x /usr/local/go/bin/go ]; then
	PATH=$PATH:/usr/local/go/bin
fi

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
