# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Where the bounce buffers of each device are: the kernel counts all mappings, by device and by
# the block of memory that their DMA address is in.

TRACING=/sys/kernel/tracing
BLOCKS=/sys/devices/system/memory
BOUNCED=$TRACING/events/swiotlb/swiotlb_bounced
MAPPED=$TRACING/events/dma/dma_map_phys

# numa_pci NODE: print the PCI device of a disk.
numa_pci()
{
	path=$(readlink -f "/sys/block/$1/device")
	while [ -n "$path" ] && [ ! -e "$path/numa_node" ]; do
		path=${path%/*}
	done
	echo "${path##*/}"
}

# numa_watch: start to count mappings.
numa_watch()
{
	mount -t tracefs trace "$TRACING" || fail "kernel without tracepoints"
	bytes=$((0x$(cat $BLOCKS/block_size_bytes)))
	echo 'hist:keys=dev_name:vals=size' > "$BOUNCED/trigger" ||
		fail "kernel without histograms of events"
	echo "hist:keys=device,dma_addr.buckets=$bytes:vals=size" > "$MAPPED/trigger" ||
		fail "no histogram of mappings"
}

# numa_report DISK...: report the counts, the node of each disk as the kernel knows it, and
# the nodes of all blocks of memory: the format that swguest/numa.py reads.
numa_report()
{
	report_file bounced "$BOUNCED/hist"
	report_file mapped "$MAPPED/hist"
	for disk; do
		pci=$(numa_pci "$disk")
		echo "$disk $pci $(cat "/sys/bus/pci/devices/$pci/numa_node")"
	done | report_text disks
	{
		echo "bytes $((0x$(cat $BLOCKS/block_size_bytes)))"
		for block in /sys/devices/system/node/node*/memory[0-9]*; do
			node=${block%/*}
			echo "${node##*node} ${block##*memory}"
		done
	} | report_text blocks
}
