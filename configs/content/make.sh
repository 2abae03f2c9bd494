#!/bin/sh
# Makes the demo's video and pictures in a folder: nothing is downloaded.
# Usage: configs/content/make.sh FOLDER [PLAYER]; PLAYER defaults to the signage-player that was built last.
set -eu
folder=${1:?"usage: make.sh FOLDER [PLAYER]"}
target=$(cd "$(dirname "$0")/../.." && pwd)/target
player=${2:-$(ls -t "$target/release/signage-player" "$target/debug/signage-player" 2>/dev/null | head -n 1)}
if [ -z "$player" ]; then
    echo "make.sh: signage-player is not built yet: run cargo build -p signage-player" >&2
    exit 1
fi
exec "$player" make-content "$folder"
