#!/bin/bash
# journalctl --update-catalog: an entry without an empty line before it becomes text of the entry above, without a word
#
# Version: systemd 252.39 (Debian 12, systemd and libsystemd-shared 252.39-1~deb12u2). 257.13 (Debian 13) does the same.
#
# One expects "-- " and a MESSAGE_ID to begin a new entry wherever a line begins so, or an error. But it does so only
# after an empty line: otherwise it and the header fields below it are shown to whoever looks at the entry above with
# journalctl -x, and the entry itself does not exist. --update-catalog says nothing and exits with 0.
#
# Also, two files that have an entry for the same MESSAGE_ID do not replace one another: the text is that of the file
# whose name comes last, the header has the fields of both, so two subjects.
#
# Output seen:
#   exit 0
#   -- 11111111111111111111111111111111
#   Subject: first
#
#   Text of the first.
#   -- 22222222222222222222222222222222
#   Subject: second
#
#   Text of the second.
#
#   -- 33333333333333333333333333333333
#   Subject: third, of b
#   Subject: third, of a
#   Defined-By: a
#
#   Text of b.
#
# Needs Debian 12 with what its systemd depends on and apt's lists (apt-get update).
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get -qq -o APT::Sandbox::User=root download systemd=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2
for deb in *.deb; do dpkg -x "$deb" root; done
lib=$(dirname "$(find "$tmp/root" -name 'libsystemd-shared-252.so')")

mkdir -p machine/usr/lib/systemd/catalog machine/var/lib/systemd/catalog
cat >machine/usr/lib/systemd/catalog/a.catalog <<'CATALOG'
-- 11111111111111111111111111111111
Subject: first

Text of the first.
-- 22222222222222222222222222222222
Subject: second

Text of the second.

-- 33333333333333333333333333333333
Subject: third, of a
Defined-By: a

Text of a.
CATALOG
cat >machine/usr/lib/systemd/catalog/b.catalog <<'CATALOG'
-- 33333333333333333333333333333333
Subject: third, of b

Text of b.
CATALOG

catalog() {
    LC_ALL=C LD_LIBRARY_PATH=$lib root/bin/journalctl --root="$tmp/machine" "$1"
}
{
    catalog --update-catalog && echo "exit 0"
    catalog --dump-catalog
} >seen 2>&1 || true
cat seen

# Empty lines are left out of the comparison.
sed -n '/^# Output seen:$/,/^# Needs /s/^#   //p' "$self" >expected
if ! sed '/^$/d' seen | diff --label before --label now -u expected - >&2; then
    echo "changed: what a catalog makes of entries without an empty line and of two for one ID, see the difference" >&2
    exit 1
fi
