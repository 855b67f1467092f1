#!/bin/bash
# json-c 0.18: JSON_TOKENER_STRICT refuses string values that have a character outside ASCII
#
# Versions: json-c 0.16 (Debian 12, libjson-c5 0.16-2) and 0.18 (Debian 13, libjson-c5 0.18+ds-1), on amd64.
#
# JSON_TOKENER_STRICT should refuse what RFC 8259 does not allow, and UTF-8 text within a string is allowed. json-c 0.18
# nevertheless refuses each string value that has a byte over 0x7F. So one and the same program (the soname has not
# changed, libjson-c.so.5) stops reading plain valid JSON when its machine goes from Debian 12 to Debian 13. 0.18 takes
# the document without the flag, or with the characters escaped, and it takes them in a member's name. Adding
# JSON_TOKENER_VALIDATE_UTF8 does not help: it makes the error speak of invalid UTF-8, and the UTF-8 is valid.
#
# Upstream knows of it (json-c/json-c, issues 875 and 892). Since 0.18 strict mode refuses control characters (issue
# 867); where char is signed, as on amd64, a byte over 0x7F is negative, hence below 0x20 too. Where char is unsigned,
# as on arm64, it should not show, so the script is for amd64 alone.
#
# Output seen:
#   0.16 plain           {"msg":"成功"}: success
#   0.16 strict          {"msg":"成功"}: success
#   0.16 strict+validate {"msg":"成功"}: success
#   0.16 strict          {"msg":"\u6210\u529f"}: success
#   0.16 strict          {"成功":1}: success
#   0.18 plain           {"msg":"成功"}: success
#   0.18 strict          {"msg":"成功"}: invalid string sequence
#   0.18 strict+validate {"msg":"成功"}: invalid utf-8 string
#   0.18 strict          {"msg":"\u6210\u529f"}: success
#   0.18 strict          {"成功":1}: success
#
# Needs Debian 12 on amd64, gcc, libc6-dev and apt's lists (apt-get update). Debian 13's packages come through apt lists
# of the script's own, from the mirror that the machine uses; its C library, in whichever version, only serves to load
# its json-c.
set -eu

self=$(realpath "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp"/{parts,lists/partial,cache/archives/partial,debs,old,new}

for f in /etc/apt/sources.list /etc/apt/sources.list.d/debian.{list,sources}; do
    [ ! -e "$f" ] || sed 's/bookworm/trixie/g' "$f" >"$tmp/parts/${f##*/}"
done
[ ! -e "$tmp/parts/sources.list" ] || mv "$tmp/parts/sources.list" "$tmp/parts/main.list"
next=(-qq -o APT::Sandbox::User=root -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$tmp/parts"
    -o Dir::State::lists="$tmp/lists" -o Dir::Cache="$tmp/cache")
apt-get "${next[@]}" update

cd "$tmp/debs"
apt-get -qq -o APT::Sandbox::User=root download libjson-c5=0.16-2 libjson-c-dev=0.16-2
for deb in *.deb; do dpkg -x "$deb" "$tmp/old"; done
rm -- *.deb
apt-get "${next[@]}" download libjson-c5=0.18+ds-1 libc6
for deb in *.deb; do dpkg -x "$deb" "$tmp/new"; done

cat >"$tmp/strict.c" <<'C'
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static void show(const char *mode, int flags, const char *text) {
    struct json_tokener *tok = json_tokener_new();
    json_tokener_set_flags(tok, flags);
    struct json_object *o = json_tokener_parse_ex(tok, text, (int) strlen(text) + 1);
    printf("%.4s %-15s %s: %s\n", json_c_version(), mode, text, json_tokener_error_desc(json_tokener_get_error(tok)));
    json_object_put(o);
    json_tokener_free(tok);
}

int main(void) {
    const int strict = JSON_TOKENER_STRICT;
    show("plain", 0, "{\"msg\":\"成功\"}");
    show("strict", strict, "{\"msg\":\"成功\"}");
    show("strict+validate", strict | JSON_TOKENER_VALIDATE_UTF8, "{\"msg\":\"成功\"}");
    show("strict", strict, "{\"msg\":\"\\u6210\\u529f\"}");
    show("strict", strict, "{\"成功\":1}");
    return 0;
}
C
gcc -o "$tmp/strict" -I"$tmp/old/usr/include" "$tmp/strict.c" -L"$tmp/old/usr/lib/x86_64-linux-gnu" -ljson-c

{
    LD_LIBRARY_PATH="$tmp/old/usr/lib/x86_64-linux-gnu" "$tmp/strict"
    "$(find "$tmp/new" -name 'ld-linux-x86-64.so.2' -print -quit)" \
        --library-path "$tmp/new/usr/lib/x86_64-linux-gnu" "$tmp/strict"
} >"$tmp/seen" 2>&1 || true
cat "$tmp/seen"

if ! sed -n '/^# Output seen:$/,/^#$/s/^#   //p' "$self" | diff --label before --label now -u - "$tmp/seen" >&2; then
    echo "changed: what json-c's strict mode makes of text outside ASCII, see the difference" >&2
    exit 1
fi
