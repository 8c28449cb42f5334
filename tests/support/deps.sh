#!/bin/sh
# SPDX-License-Identifier: MIT
# Install the Debian packages named as arguments that are not there yet. Needs no network when nothing is missing.
set -u
if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "This is not a Debian system. Please install the equivalents of these packages, then run make:"
	echo "  $*"
	command -v pkg-config >/dev/null 2>&1 || exit 1
	exit 0
fi
missing=
for package in "$@"; do
	case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
	installed) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0
echo "installing:$missing"
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || { echo "not root and no sudo; please install:$missing" >&2; exit 1; }
	sudo=sudo
fi
$sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
