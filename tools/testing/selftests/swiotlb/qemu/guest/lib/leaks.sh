# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Memory leaks. Needs kmemleak=on.

KMEMLEAK=/sys/kernel/debug/kmemleak

# kmemleak ignores objects that are younger than 5 s or have changed since the last scan,
# so scan twice.
check_leaks()
{
	[ -f "$KMEMLEAK" ] || fail "kernel without kmemleak"
	sleep 6
	for _ in 1 2; do
		echo scan > "$KMEMLEAK" || fail "kmemleak is off"
	done
	cat "$KMEMLEAK" > /tmp/leaks
	[ ! -s /tmp/leaks ] || fail "leaks: $(cat /tmp/leaks)"
}
