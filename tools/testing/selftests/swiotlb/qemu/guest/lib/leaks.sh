# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Memory that nobody points to any more. Needs kmemleak=on.

KMEMLEAK=/sys/kernel/debug/kmemleak

# What is younger than 5 s does not count, and what has gone through a list
# during a scan may look lost: two scans.
check_leaks()
{
	[ -f "$KMEMLEAK" ] || fail "kernel without kmemleak"
	for _ in 1 2; do
		sleep 6
		echo scan > "$KMEMLEAK" || fail "kmemleak is off"
	done
	cat "$KMEMLEAK" > /tmp/leaks
	[ ! -s /tmp/leaks ] || fail "leaks: $(cat /tmp/leaks)"
}
