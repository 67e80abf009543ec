# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Only boot, and report the state of swiotlb. The runner also uses this to find out whether an
# accelerator can run the kernel at all.

. /lib/report.sh
. /lib/disk.sh

swiotlb_state | report_text swiotlb
