# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# fio in the background, with many requests in flight on the LOAD_MIB of a disk behind those of
# lib/verify.sh. One job reads back its own data, one request at a time: after an asynchronous
# read of a removed disk, fio would also verify bytes that were not read.

LOAD_MIB=8

# load_start DISK NODE: start the load. It runs until load_stop, load_end or an error.
load_start()
{
	fio --filename="/dev/$2" --direct=1 --bs=64k --mem=malloc --time_based --runtime=3600 \
		--size=$((LOAD_MIB / 2))m --output="/tmp/$1.load" \
		--name=verified --ioengine=psync --rw=randwrite --offset=$((4 * SIZE))m \
		--verify=crc32c --verify_fatal=1 --verify_backlog=16 \
		--name=deep --ioengine="$ENGINE" --rw=randread --iodepth=64 \
		--offset=$((4 * SIZE + LOAD_MIB / 2))m > "/tmp/$1.said" 2>&1 &
	echo $! > "/tmp/$1.pid"
}

# load_in_flight NODE: print the number of requests in flight.
load_in_flight()
{
	read -r reads writes < "/sys/block/$1/inflight"
	echo $((reads + writes))
}

# load_stop DISK: stop the load, and check that it has read no wrong data. On a removed disk,
# whose size is 0, fio may read for ever: reads at the end of a disk are no errors.
load_stop()
{
	read -r pid < "/tmp/$1.pid"
	kill -INT "$pid" 2> /dev/null
	wait "$pid"
	! grep -E 'func=verify|verify failed|verify: bad|bad (magic|header)' \
		"/tmp/$1.load" "/tmp/$1.said" || fail "$1 returned wrong data"
}

# load_end DISK: as load_stop, but also check that there was no error.
load_end()
{
	load_stop "$1"
	[ "$(grep -c 'err= 0' "/tmp/$1.load")" = 2 ] || fail "load on $1: $(cat "/tmp/$1.load")"
}
