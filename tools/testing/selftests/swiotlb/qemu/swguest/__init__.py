# SPDX-License-Identifier: GPL-2.0-only
"""Boot a kernel in QEMU, run a scenario in it, and judge what came back.

    paths      where things are kept
    initramfs  what the guest runs: busybox, fio, our scripts
    accel      kvm if it can boot this kernel, else tcg
    machine    the QEMU command line, and the process that must not survive us
    verdict    what the guest says on its own serial port
    klog       what the kernel's log must not contain
    mapbench   the kernel's benchmark of map and unmap, and what it says
    guest      all of the above as one call
"""
