# SPDX-License-Identifier: GPL-2.0-only
"""Boot a kernel in QEMU, run a scenario in it, and check the result.

    paths      paths of files and programs
    initramfs  the programs of the guest: busybox, fio, our scripts
    accel      kvm if it can boot this kernel, else tcg
    machine    the QEMU command line, and the process, which must not outlive the runner
    verdict    the report of the guest on a separate serial port
    klog       messages that the kernel's log must not contain
    run        one boot, from its specification to its result, with all of the above
    mapbench   the kernel's benchmark of map and unmap, and its output
"""
