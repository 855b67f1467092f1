#!/bin/bash
# scdoc: a line that begins with a dot loses it, and a backslash in front makes it worse
#
# Version: scdoc 1.11.2 (Debian 12, scdoc 1.11.2-1). 1.11.3 (Debian 13) does the same.
#
# One expects ".config" at the beginning of a line to be escaped for roff, as scdoc does within a line, or to be
# refused. But a dot begins an item of a numbered list, and where no blank follows, the dot is dropped without a word:
# in the first line of a paragraph as in its others, indented or not. It hence depends on where a paragraph is wrapped
# whether a page shows ".config" or "config". scdoc's escape, a backslash, puts a bare dot at the beginning of a roff
# line, which is a request that does not exist: man shows nothing of that line. In bold or underlined the dot is kept,
# and after "- ".
#
# Output seen:
#   source: .config is read
#   roff:   config is read
#   source: it is read from|.config by all
#   roff:   it is read from|config by all
#   source: it is read from .config by all
#   roff:   it is read from .\&config by all
#   source: \.config is read
#   roff:   .config is read
#   source: *.config* is read
#   roff:   \fB.\&config\fR is read
#
# Needs Debian 12 and apt's lists (apt-get update).
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get -qq -o APT::Sandbox::User=root download scdoc=1.11.2-1
dpkg -x scdoc_*.deb root

show() { # TEXT, with | for the end of a line
    printf 'source: %s\n' "$1"
    printf 'roff:   '
    printf 'page(1)\n\n%s\n' "$1" | tr '|' '\n' | root/usr/bin/scdoc |
        sed '1,/^\.TH /d; /^\.P$/d' | paste -s -d '|'
}
{
    show '.config is read'
    show 'it is read from|.config by all'
    show 'it is read from .config by all'
    show '\.config is read'
    show '*.config* is read'
} >seen 2>&1 || true
cat seen

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - seen >&2; then
    echo "changed: what scdoc makes of a dot at the beginning of a line, see the difference" >&2
    exit 1
fi
