#!/bin/bash
# glibc 2.36: gettext() follows LANGUAGE in the locale C.UTF-8, unlike in C; glibc 2.41 no longer does
#
# Versions: glibc 2.36 (Debian 12, libc6 and libc-bin 2.36-9+deb12u14) and 2.41 (Debian 13).
#
# LANGUAGE is ignored in the locale C, so that LC_ALL=C gives the messages as they stand in the program, and C.UTF-8 is
# taken for the same with another character set. In glibc 2.36 the rule looks for the name "C" alone: with
# LC_ALL=C.UTF-8, a script that reads a program's messages gets the translated ones if the user's LANGUAGE is set, and a
# program in a container without any locale can be had in a language all the same, by LC_ALL=C.UTF-8 LANGUAGE=de. On the
# next Debian both end: there it is ignored, and only a locale that is installed helps.
#
# Output seen:
#   2.36 LC_ALL=C LANGUAGE=de: size
#   2.36 LC_ALL=C.UTF-8 LANGUAGE=de: Größe
#   2.36 LC_ALL=C.UTF-8 LANGUAGE=: size
#   2.41 LC_ALL=C LANGUAGE=de: size
#   2.41 LC_ALL=C.UTF-8 LANGUAGE=de: size
#   2.41 LC_ALL=C.UTF-8 LANGUAGE=: size
#
# Needs Debian 12 on amd64, gcc, libc6-dev, python3 and apt's lists (apt-get update). Debian 13's packages come through
# apt lists of the script's own, from the mirror that the machine uses.
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp"/{parts,lists/partial,cache/archives/partial,debs,old,new,de/LC_MESSAGES}

for f in /etc/apt/sources.list /etc/apt/sources.list.d/debian.{list,sources}; do
    [ ! -e "$f" ] || sed 's/bookworm/trixie/g' "$f" >"$tmp/parts/${f##*/}"
done
[ ! -e "$tmp/parts/sources.list" ] || mv "$tmp/parts/sources.list" "$tmp/parts/main.list"
next=(-qq -o APT::Sandbox::User=root -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$tmp/parts"
    -o Dir::State::lists="$tmp/lists" -o Dir::Cache="$tmp/cache")
apt-get "${next[@]}" update

cd "$tmp/debs"
apt-get -qq -o APT::Sandbox::User=root download libc6=2.36-9+deb12u14 libc-bin=2.36-9+deb12u14
for deb in *.deb; do dpkg -x "$deb" "$tmp/old"; done
rm -- *.deb
version=$(apt-cache "${next[@]}" madison libc6 | awk '$3 ~ /^2\.41-/ { print $3; exit }')
[ -n "$version" ] || { echo "libc6 2.41 is not to be had" >&2; exit 1; }
apt-get "${next[@]}" download "libc6=$version" "libc-bin=$version"
for deb in *.deb; do dpkg -x "$deb" "$tmp/new"; done
cd "$tmp"

# A catalog with two messages: its header, and one translation.
python3 - >de/LC_MESSAGES/finding.mo <<'PYTHON'
import struct
import sys

texts = {b"": b"Content-Type: text/plain; charset=UTF-8\n", b"size": "Größe".encode()}
tables, strings = [], b""
for column in (texts.keys(), texts.values()):
    for text in column:
        tables += [len(text), 28 + 4 * 8 + len(strings)]
        strings += text + b"\0"
sys.stdout.buffer.write(struct.pack("<15I", 0x950412DE, 0, 2, 28, 44, 0, 0, *tables) + strings)
PYTHON

cat >message.c <<'C'
#include <gnu/libc-version.h>
#include <libintl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char *argv[]) {
    (void) argc;
    const char *has = setlocale(LC_ALL, "");
    bindtextdomain("finding", argv[1]);
    textdomain("finding");
    printf("%s LC_ALL=%s LANGUAGE=%s: %s\n", gnu_get_libc_version(), has ? has : "none", getenv("LANGUAGE"),
           gettext("size"));
    return 0;
}
C
gcc -o message message.c

for root in old new; do
    loader=$(find "$tmp/$root" -name 'ld-linux-x86-64.so.2' -print -quit)
    for try in "C de" "C.UTF-8 de" "C.UTF-8 "; do
        LOCPATH=$tmp/$root/usr/lib/locale LC_ALL=${try% *} LANGUAGE=${try#* } "$loader" \
            --library-path "$(dirname "$(find "$tmp/$root" -name libc.so.6 -print -quit)")" ./message "$tmp" || true
    done
done >seen 2>&1
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: whether LANGUAGE counts in C.UTF-8, see the difference" >&2
    exit 1
fi
