# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Boots, and reports the boot parameters. The runner also uses it to find out whether an
# accelerator can run this kernel at all.

. /lib/report.sh
. /lib/disk.sh

swiotlb_state | report_text swiotlb
