# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# virtio-net in a confidential guest: STREAMS loops at once, each of ROUNDS connections that
# send KIB of random data to a server in QEMU, which returns them. Free memory is full of
# private data. The driver is bound only during the load: its receive buffers stay mapped.

. /lib/report.sh
. /lib/disk.sh
. /lib/memory.sh
. /lib/coco.sh
. /etc/run.conf

DRIVER=/sys/bus/virtio/drivers/virtio_net

# stream NUMBER: make the connections of one loop, and check the data.
stream()
{
	for _ in $(seq "$ROUNDS"); do
		head -c "$((KIB * 1024))" /dev/urandom > "/tmp/sent.$1"
		nc -w 60 "$SERVER" "$PORT" < "/tmp/sent.$1" > "/tmp/got.$1"
		cmp "/tmp/sent.$1" "/tmp/got.$1" || return 1
	done
}

[ -d "$DRIVER" ] || skip "kernel without virtio-net"
device=$(basename "$DRIVER"/virtio*)
ip link set lo up || skip "kernel without TCP/IP"

echo "$device" > "$DRIVER/unbind" || fail "$device stays"
coco_begin
coco_fill

echo "$device" > "$DRIVER/bind" || fail "$device is not bound again"
ip addr add 10.0.2.15/24 dev eth0 || fail "no network card"
ip link set eth0 up
coco_watch net 0.2
pids=
for number in $(seq "$STREAMS"); do
	stream "$number" &
	pids="$pids $!"
done
for pid in $pids; do
	wait "$pid" || fail "other data came back than was sent"
done
coco_watch_end

cat /sys/class/net/eth0/statistics/rx_bytes /sys/class/net/eth0/statistics/tx_bytes |
	{ read -r received; read -r sent; echo "received=$received"; echo "sent=$sent"; } |
	report_text net
echo "$device" > "$DRIVER/unbind" || fail "$device stays after the load"
sleep 2
coco_report
check_nothing_used
