#!/usr/bin/env bash
# Puts the Japanese voice "Mei" (HTS voice, CC BY 3.0, Nagoya Institute of Technology, MMDAgent project)
# and its licence text into a folder. It is taken from the PyPI wheel pyopenjtalk-plus, which carries it.
#
# usage: fetch-voice.sh FOLDER
set -euo pipefail

version=0.4.1.post10
voice=mei_normal.htsvoice
licence=LICENSE_mei_normal.htsvoice
voice_sha256=f3be49a6838904a6c218790b64e07c3e83c1886e995dca284b413caab19184de
licence_sha256=af8a05b6ce28e513658fdf0480f36dbf49cbe878d2571d97dd017e8052c71391

if [ $# -ne 1 ]; then
  echo "usage: $0 FOLDER" >&2
  exit 2
fi
folder=$1

checked() { # FOLDER
  (cd "$1" && sha256sum --check --status <<EOF
$voice_sha256  $voice
$licence_sha256  $licence
EOF
  ) 2>/dev/null
}

if checked "$folder"; then
  echo "The voice is there: $folder/$voice"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "Fetching the voice Mei (33 MB, once) ..."
# The voice is the same in every wheel; naming one makes any Python on any machine take the same file.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
  --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64 \
  --dest "$work" "pyopenjtalk-plus==$version"
python3 - "$work" "$voice" "$licence" <<'EOF'
import pathlib, sys, zipfile
work = pathlib.Path(sys.argv[1])
[wheel] = work.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    for name in sys.argv[2:]:
        (work / name).write_bytes(archive.read(f"pyopenjtalk/htsvoice/{name}"))
EOF
if ! checked "$work"; then
  echo "The voice in pyopenjtalk-plus $version is not the one expected (SHA-256 differs); it is not used." >&2
  exit 1
fi
mkdir -p "$folder"
# The voice last: where it is, its licence is too.
for name in "$licence" "$voice"; do
  cp "$work/$name" "$folder/.$name.new"
  mv "$folder/.$name.new" "$folder/$name"
done
echo "The voice is there: $folder/$voice (its licence beside it: $licence)"
