# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Memory that nobody points to any more. Needs kmemleak=on.

KMEMLEAK=/sys/kernel/debug/kmemleak

# What is younger than 5 s does not count, nor what has changed since the scan
# before: two scans.
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
