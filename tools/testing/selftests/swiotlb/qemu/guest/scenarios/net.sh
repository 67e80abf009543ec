# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Servers that the runner loads from the host: INSTANCES of memcached on ports from
# MEMCACHED on, iperf3 on port IPERF3. A line NAME from the runner announces a load.
# The receive buffers of the network card stay mapped, so slots are in use if and only if
# the card bounces.

. /lib/report.sh
. /lib/disk.sh
. /lib/fio.sh
. /etc/run.conf

[ -d /sys/class/net/eth0 ] || skip "kernel without virtio-net"
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0 || skip "kernel without TCP/IP"
ip link set eth0 up
ip route add default via 10.0.2.2
ulimit -n 4096
for i in $(seq 0 $((INSTANCES - 1))); do
	memcached -d -u root -t 1 -m 8 -l 0.0.0.0 -p $((MEMCACHED + i)) || fail "memcached $i"
done
iperf3 -4 -s -D -p "$IPERF3" || fail "iperf3"

exec 3< "$VERDICT"
report_text ready < /dev/null
while read -r name <&3 && [ "$name" != end ]; do
	fio_bounced "$name" "$(swiotlb_used)"
	report_text "$name.begun" < /dev/null
done
